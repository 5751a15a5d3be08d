import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createDirectoryBlobs } from '../../blobs/directory.ts';
import { AppError } from '../../errors/app-error.ts';
import { type StartedBoxd, startBoxd } from './boxd/boxd-for-tests.ts';
import { takeCheckpoint } from './checkpoints.ts';

describe('a checkpoint of files that change while they are listed', () => {
  let box: StartedBoxd;
  let directory: string;
  before(async () => {
    [box, directory] = await Promise.all([startBoxd(), mkdtemp(join(tmpdir(), 'boxswain-checkpoints-'))]);
    await writeFile(join(box.files, 'one'), 'content');
  });
  after(async () => {
    await box[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  /** A listing that fails so many times before it is a whole one. */
  const take = async (failures: number) => {
    let listings = 0;
    const boxd = {
      manifest: async () => {
        listings += 1;
        if (listings <= failures) throw new AppError('FILE_CHANGED', 'a file went away');
        return await box.boxd.manifest();
      },
      pack: (...args: Parameters<typeof box.boxd.pack>) => box.boxd.pack(...args),
    };
    return await takeCheckpoint({ parent: null, boxd, blobs: await createDirectoryBlobs(directory) });
  };

  test('is tried again', async () => {
    assert.equal((await take(2)).fileCount, 1);
  });

  test('says so when they keep changing', async () => {
    await assert.rejects(take(3), { code: 'FILE_CHANGED', message: /kept changing/ });
  });
});
