import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeCall, fakeHub, workspaceRecord } from '../../../test/support/fake-hub.ts';
import { AppError } from '../../errors/app-error.ts';
import type { FileRequest } from '../../protocol/files.ts';
import type { JsonObject } from '../../store/rows.ts';
import { invoke } from '../invoke.ts';
import { findOperation } from '../registry.ts';

const workspace = workspaceRecord();

function setUp(output: JsonObject) {
  const asked: FileRequest[] = [];
  const resolved: { id: string | undefined; mayCreate: boolean; tool: string }[] = [];
  const hub = fakeHub({
    workspaces: {
      resolve: async (id, _call, where) => {
        resolved.push({ id, ...where });
        return workspace;
      },
      file: async (_workspace, request) => {
        asked.push(request);
        return output;
      },
    },
  });
  const call = async (name: string, args: Record<string, unknown>) => {
    const operation = findOperation(name);
    assert.ok(operation);
    return invoke(operation, args, fakeCall(hub));
  };
  return { call, asked, resolved };
}

const written = { path: 'a.txt', bytes_written: 2, created: true, sha256: 'ab' };
const read = {
  path: 'a.txt',
  content: 'hi',
  encoding: 'utf8',
  size_bytes: 2,
  offset: 0,
  bytes_read: 2,
  truncated: false,
  next_offset: null,
  sha256: 'ab',
  modified_at: '1970-01-01T00:00:00.000Z',
};
const entry = {
  name: 'a.txt',
  path: 'sub/a.txt',
  type: 'file',
  size_bytes: 2,
  modified_at: '1970-01-01T00:00:00.000Z',
};
const listing = { path: 'sub', entries: [entry], total_count: 1, truncated: false, next_cursor: null };

test('a write says how many bytes went where, and in which workspace', async () => {
  const { call, asked, resolved } = setUp(written);
  const result = await call('fs.write', { path: '/workspace/a.txt', contents: 'hi' });
  assert.deepEqual(result.text, ['Wrote 2 bytes to a.txt']);
  assert.deepEqual(result.output, { ...written, workspace_id: workspace.id });
  assert.deepEqual(asked, [
    { kind: 'write', path: 'a.txt', content: 'hi', encoding: 'utf8', createDirs: true, ifSha256: undefined },
  ]);
  assert.deepEqual(resolved, [{ id: undefined, mayCreate: true, tool: 'fs_write' }]);
});

test('content that is too large is refused before a workspace is made', async () => {
  const { call, resolved } = setUp(written);
  const content = 'x'.repeat(3 * 1024 * 1024 + 1);
  await assert.rejects(call('fs_write', { path: 'a', content }), (error: unknown) => {
    return error instanceof AppError && error.code === 'FILE_TOO_LARGE' && error.details.path === 'a';
  });
  assert.deepEqual(resolved, []);
});

test('a read shows the content itself', async () => {
  const { call, resolved } = setUp(read);
  assert.deepEqual((await call('fs_read', { path: 'a.txt' })).text, ['hi']);
  assert.equal(resolved[0]?.mayCreate, false);
});

test('a read that was cut says how to continue in a block of its own', async () => {
  const { call } = setUp({ ...read, size_bytes: 9, truncated: true, next_offset: 2 });
  assert.deepEqual((await call('fs_read', { path: 'a.txt' })).text, [
    'hi',
    'Read 2 of 9 bytes. To continue call fs_read with offset: 2.',
  ]);
});

test('a listing shows names, or paths when it is recursive', async () => {
  const { call, asked } = setUp(listing);
  assert.deepEqual((await call('fs.list', { path: 'sub' })).text, ['a.txt (file, 2 bytes)']);
  assert.deepEqual((await call('fs.list', { recursive: true, pattern: '*.txt', cursor: 'a' })).text, [
    'sub/a.txt (file, 2 bytes)',
  ]);
  assert.deepEqual(asked[1], { kind: 'list', path: '', after: 'a', recursive: true, glob: '*.txt', limit: 1000 });
});

test('a listing that was cut says how to continue in a block of its own', async () => {
  const { call } = setUp({ ...listing, total_count: 5, truncated: true, next_cursor: 'sub/a "b".txt' });
  assert.deepEqual((await call('fs_list', {})).text, [
    'a.txt (file, 2 bytes)',
    String.raw`Showing 1 of 5 entries. To continue call fs_list with cursor: "sub/a \"b\".txt".`,
  ]);
});

test('edits reach the box in their order', async () => {
  const { call, asked } = setUp({ path: 'a', replacements: 2, bytes_written: 3, sha256: 'ab', diff: '' });
  const edits = [
    { search: 'a', replace: 'b' },
    { search: 'c', replace: '', replace_all: true },
  ];
  await call('fs_edit', { path: 'a', edits, dry_run: true });
  assert.deepEqual(asked, [
    {
      kind: 'edit',
      path: 'a',
      edits: [
        { search: 'a', replace: 'b', replaceAll: false },
        { search: 'c', replace: '', replaceAll: true },
      ],
      dryRun: true,
      ifSha256: undefined,
    },
  ]);
});

test('an answer of a worker that lacks fields is an internal error, not a success', async () => {
  const { call } = setUp({ path: 'a.txt' });
  await assert.rejects(call('fs_write', { path: 'a.txt', content: 'hi' }), (error: unknown) => {
    return error instanceof AppError && error.code === 'INTERNAL_ERROR';
  });
});
