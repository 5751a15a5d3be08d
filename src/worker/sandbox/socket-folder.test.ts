import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { it } from 'node:test';
import { makeSocketFolder } from './socket-folder.ts';

it('makes a folder to pass through, and removes those of processes that are gone', async () => {
  const base = await mkdtemp(join(tmpdir(), 'boxswain-sockets-'));
  try {
    const { pid: gone } = spawnSync('/bin/true');
    await mkdir(join(base, `bx-${gone}-1a-abcdef`));
    await writeFile(join(base, `bx-${gone}-1a-abcdef`, '1.sock'), '');
    // Of an earlier process that had the number which is ours now, as in a container that was started again.
    await mkdir(join(base, `bx-${process.pid}-1a-abcdef`));
    await mkdir(join(base, 'bx-other'));
    const kept = await makeSocketFolder(base);
    const made = await makeSocketFolder(base);
    assert.deepEqual((await readdir(base)).sort(), [basename(kept), basename(made), 'bx-other'].sort());
    assert.equal((await stat(made)).mode & 0o777, 0o711);
  } finally {
    await rm(base, { recursive: true });
  }
});
