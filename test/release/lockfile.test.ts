import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../scripts/lockfile-check.ts', import.meta.url));
const check = (...words: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>(done => {
    execFile(process.execPath, [script, ...words], (error, stdout, stderr) =>
      done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });

test('the lockfile has nothing in it that nobody agreed to', async () => {
  const { code, stdout, stderr } = await check();
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^\d{3} locked packages, 0 faults\n$/);
});

test('each fault of a lockfile is told with the package that has it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lockfile-'));
  const integrity = 'sha512-AAAA';
  const packages = {
    '': {},
    'node_modules/fine': { integrity },
    'node_modules/unpinned': {},
    'node_modules/weak': { integrity: 'sha1-AAAA' },
    'node_modules/@some/old': { integrity, deprecated: 'use another' },
    'node_modules/fine/node_modules/from': { integrity, resolved: 'https://registry.example/from.tgz' },
    'node_modules/runs': { integrity, hasInstallScript: true },
    'node_modules/agreed': { integrity, hasInstallScript: true },
  };
  try {
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
    await writeFile(join(folder, 'package.json'), JSON.stringify({ allowScripts: { agreed: false } }));
    const { code, stdout, stderr } = await check(folder);
    assert.deepEqual([code, stdout], [1, '7 locked packages, 5 faults\n']);
    assert.deepEqual(
      stderr
        .trim()
        .split('\n')
        .map(line => line.split(/: (?=is|was|names|runs)/)[0]),
      ['unpinned', 'weak', '@some/old', 'fine/node_modules/from', 'runs'].map(name => `node_modules/${name}`),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
