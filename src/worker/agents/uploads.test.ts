import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import type { Blobs } from '../../blobs/blobs.ts';
import { createDirectoryBlobs } from '../../blobs/directory.ts';
import { silentLog } from '../../log/log.ts';
import { Uploads } from './uploads.ts';

let scratch: string;
let blobs: Blobs;
beforeFirst(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'boxswain-uploads-'));
  blobs = await createDirectoryBlobs(join(scratch, 'blobs'));
});
afterLast(() => rm(scratch, { recursive: true }));

const open = (name: string) => Uploads.open({ directory: join(scratch, name), blobs, log: silentLog });
const attachmentOf = async (bytes: Buffer, name = 'a.png') => {
  const { sha256, sizeBytes } = await blobs.put(bytes);
  return { name, contentType: 'image/png', sha256, sizeBytes };
};

test('a file arrives bit for bit, for its owner alone, and no half of it is ever there', async () => {
  const uploads = await open('whole');
  const bytes = randomBytes(300_000);
  const attachment = await attachmentOf(bytes, '../../e vil.p/ng');
  const paths = await Promise.all([1, 2, 3].map(() => uploads.fetch('s1', attachment)));
  const [path = ''] = paths;
  assert.equal(new Set(paths).size, 1);
  assert.deepEqual(await readFile(path), bytes);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(join(scratch, 'whole')), ['s1']);
  assert.equal((await readdir(join(scratch, 'whole', 's1'))).length, 1);
  uploads.close();
});

test('what no prompt has named for a week is removed, and what one names again stays', async () => {
  const uploads = await open('old');
  const [old, used] = await Promise.all([attachmentOf(Buffer.from('old')), attachmentOf(Buffer.from('used'))]);
  const long = new Date(Date.now() - 8 * 86_400_000);
  for (const one of [old, used]) await utimes(await uploads.fetch('s1', one), long, long);
  const path = await uploads.fetch('s1', used);
  await uploads.fetch('s2', old).then(gone => utimes(gone, long, long));
  await uploads.sweep();
  assert.deepEqual(await readdir(join(scratch, 'old')), ['s1']);
  assert.equal(await readFile(path, 'utf8'), 'used');
  uploads.close();
});

test('a file whose bytes are kept no more is said to be gone', async () => {
  const uploads = await open('gone');
  const attachment = await attachmentOf(Buffer.from('soon gone'));
  await blobs.delete(attachment.sha256);
  await assert.rejects(uploads.fetch('s1', attachment), { code: 'FILE_NOT_FOUND' });
  uploads.close();
});
