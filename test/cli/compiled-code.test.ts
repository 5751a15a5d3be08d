import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratchDirectory } from '../support/server.ts';

const program = fileURLToPath(new URL('../../bin/boxswain.js', import.meta.url));
const NOBODY = 65_534;

describe('compiled code', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  before(async () => {
    scratch = await scratchDirectory();
  });
  after(() => scratch.remove());

  const homeOf = async (name: string) => {
    const home = join(scratch.path, name);
    await mkdir(home);
    return home;
  };
  const start = (env: Record<string, string>) =>
    promisify(execFile)(process.execPath, [program, '--version'], { env: { PATH: process.env.PATH, ...env } });

  test('is kept in the cache folder of who runs the program', async () => {
    const [plain, named] = await Promise.all([homeOf('plain'), homeOf('named')]);
    await Promise.all([start({ HOME: plain }), start({ HOME: plain, XDG_CACHE_HOME: named })]);
    assert.ok((await readdir(join(plain, '.cache', 'boxswain', 'compiled'))).length > 0);
    assert.ok((await readdir(join(named, 'boxswain', 'compiled'))).length > 0);
  });

  test('is not taken from a home of somebody else, nor left there', async t => {
    if (process.getuid?.() !== 0) {
      t.diagnostic('not run: only root can make a home of somebody else');
      return;
    }
    const home = await homeOf('foreign');
    await chown(home, NOBODY, NOBODY);
    const { stdout } = await start({ HOME: home });
    assert.match(stdout, /^\d+\.\d+\.\d+/);
    assert.deepEqual(await readdir(home), []);
  });
});
