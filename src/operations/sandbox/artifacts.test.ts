import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fakeCall, fakeHub, workspaceRecord } from '../../../test/support/fake-hub.ts';
import { AppError } from '../../errors/app-error.ts';
import type { ArtifactRecord } from '../../store/rows.ts';
import { invoke } from '../invoke.ts';
import { findOperation } from '../registry.ts';

const workspace = workspaceRecord();

function setUp(bytes: Buffer, contentType: string) {
  const artifact: ArtifactRecord = {
    id: 'art_1',
    caller: 'local',
    workspaceId: workspace.id,
    taskId: null,
    name: 'hello-package.zip',
    path: 'artifacts/hello-package.zip',
    sizeBytes: bytes.length,
    contentType,
    sha256: 'ab',
    labels: {},
    createdAt: 0,
    expiresAt: null,
  };
  const found: [string, string | undefined][] = [];
  const added: unknown[] = [];
  const made: boolean[] = [];
  const hub = fakeHub({
    workspaces: {
      resolve: async (_id, _call, { mayCreate }) => {
        made.push(mayCreate);
        return workspace;
      },
    },
    artifacts: {
      find: async (id, workspaceId) => {
        found.push([id, workspaceId]);
        return artifact;
      },
      read: async (_artifact, { start, end }) => bytes.subarray(start, end),
      add: async (_workspace, content, options) => {
        added.push({ content, options });
        return artifact;
      },
      list: async () => ({ rows: [artifact], nextCursor: null }),
    },
  });
  const call = async (name: string, args: Record<string, unknown>) => {
    const operation = findOperation(name);
    assert.ok(operation);
    return (await invoke(operation, args, fakeCall(hub))).output;
  };
  return { call, found, added, made };
}

test('a binary artifact is found by name and comes as base64', async () => {
  const zip = Buffer.from([0x50, 0x4b, 3, 4, 0xff]);
  const { call, found } = setUp(zip, 'application/zip');
  const output = await call('artifact.get', { artifact_id: 'hello-package.zip' });
  assert.deepEqual(found, [['hello-package.zip', undefined]]);
  assert.deepEqual(
    [output.content_type, output.encoding, output.data, output.truncated, output.next_offset],
    ['application/zip', 'base64', zip.toString('base64'), false, null],
  );
});

test('a text artifact comes as text, and as base64 when it is not UTF-8 after all', async () => {
  for (const type of [
    'text/csv',
    'application/json',
    'application/ld+json',
    'image/svg+xml',
    'text/plain; charset=x',
  ]) {
    assert.equal((await setUp(Buffer.from('é'), type).call('artifact_get', { artifact_id: 'a' })).data, 'é', type);
  }
  const latin1 = setUp(Buffer.from([0xe9, 0x0a]), 'text/plain');
  assert.equal((await latin1.call('artifact_get', { artifact_id: 'a' })).encoding, 'base64');
  await assert.rejects(latin1.call('artifact_get', { artifact_id: 'a', encoding: 'utf8' }), (error: unknown) => {
    return error instanceof AppError && error.code === 'NOT_TEXT';
  });
});

test('slices put together are the artifact, as text and as bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom('a', 'é', '😀') }),
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom('utf8' as const, 'base64' as const),
      async (text, limit, encoding) => {
        const { call } = setUp(Buffer.from(text), 'text/plain');
        const parts: Buffer[] = [];
        for (let offset: unknown = 0; offset !== null; ) {
          const slice = await call('artifact_get', { artifact_id: 'a', offset, limit, encoding });
          assert.equal(slice.truncated, slice.next_offset !== null);
          parts.push(Buffer.from(String(slice.data), encoding));
          offset = slice.next_offset;
        }
        return Buffer.concat(parts).toString() === text;
      },
    ),
    { numRuns: 30 },
  );
});

test('bytes are never more than asked for', async () => {
  const { call } = setUp(Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0xfb]), 'text/plain');
  const output = await call('artifact_get', { artifact_id: 'a', limit: 1 });
  assert.deepEqual([output.data, output.next_offset], ['/w==', 1]);
});

test('a text slice is as short as asked for, but never shorter than a character', async () => {
  const { call } = setUp(Buffer.from('abc😀d'), 'text/plain');
  const read = async (offset: number, limit: number) =>
    (await call('artifact_get', { artifact_id: 'a', offset, limit })).data;
  assert.deepEqual([await read(0, 1), await read(0, 2), await read(3, 1), await read(2, 3)], ['a', 'ab', '😀', 'c']);
});

test('an offset beyond the end gives nothing and ends', async () => {
  const { call } = setUp(Buffer.from('abc'), 'text/plain');
  const output = await call('artifact_get', { artifact_id: 'a', offset: 10 });
  assert.deepEqual([output.data, output.offset, output.next_offset], ['', 3, null]);
});

test('an upload is a file of the workspace, or given content', async () => {
  const { call, added, made } = setUp(Buffer.from(''), 'text/plain');
  await call('artifact.upload', { path: '/workspace/build/app.zip', labels: { kind: 'build' } });
  await call('artifact_upload', { content: 'aGk=', encoding: 'base64', name: 'hi.txt', content_type: 'text/plain' });
  assert.deepEqual(added, [
    { content: { path: 'build/app.zip' }, options: { contentType: undefined, labels: { kind: 'build' } } },
    { content: { name: 'hi.txt', bytes: Buffer.from('hi') }, options: { contentType: 'text/plain', labels: {} } },
  ]);
  assert.deepEqual(made, [false, true]);
});

test('a name with a folder, and a content type that is none, are refused', async () => {
  const { call } = setUp(Buffer.from(''), 'text/plain');
  await assert.rejects(call('artifact_upload', { content: '', name: 'a/b' }), /"name" must be a file name/);
  await assert.rejects(
    call('artifact_upload', { content: '', name: 'a', content_type: 'a\r\nb: c' }),
    /"content_type" must be/,
  );
});

test('artifacts are listed with their download path', async () => {
  const output = await setUp(Buffer.from(''), 'text/plain').call('artifact.list', {});
  assert.ok(Array.isArray(output.artifacts));
  assert.equal(output.artifacts[0].download_url, '/api/artifacts/art_1/content');
});
