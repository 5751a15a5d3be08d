import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterLast, beforeFirst } from '../../test/support/around-tests.ts';
import { attach } from './attach.ts';
import type { LocalFile, OperationClient } from './client.ts';

let folder: string;
beforeFirst(async () => {
  folder = await mkdtemp(join(tmpdir(), 'boxswain-attach-'));
});
afterLast(() => rm(folder, { recursive: true }));

const call = { signal: new AbortController().signal, report: () => {} };
const noting = (noted: LocalFile[]): OperationClient => ({
  call: async () => assert.fail('nothing is called'),
  upload: async (sessionId, file) => ({ fileId: `${sessionId}-${noted.push(file)}` }),
  close: async () => {},
});

test('files are uploaded in their order, byte for byte, and named by what the server calls them', async () => {
  const bytes = Buffer.from([0, 255, 10, 13]);
  const paths = ['a.PNG', 'b.unknown'].map(name => join(folder, name));
  for (const path of paths) await writeFile(path, bytes);
  const noted: LocalFile[] = [];
  const attached = await attach(noting(noted), { sessionId: 's', files: paths, call });
  assert.deepEqual(attached, [{ fileId: 's-1' }, { fileId: 's-2' }]);
  assert.deepEqual(
    noted.map(({ name, contentType }) => [name, contentType]),
    [
      ['a.PNG', 'image/png'],
      ['b.unknown', ''],
    ],
  );
  assert.deepEqual(noted[0]?.bytes, bytes);
});

test('nothing is uploaded when one of the files is not there, or the session is not named', async () => {
  const there = join(folder, 'there.txt');
  await writeFile(there, 'x');
  const noted: LocalFile[] = [];
  const files = [there, join(folder, 'absent.txt')];
  await assert.rejects(attach(noting(noted), { sessionId: 's', files, call }), { code: 'FILE_NOT_FOUND' });
  await assert.rejects(attach(noting(noted), { sessionId: undefined, files: [there], call }), {
    code: 'VALIDATION_ERROR',
  });
  assert.deepEqual(noted, []);
});
