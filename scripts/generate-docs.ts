/**
 * Writes what is derived from the code: the tables in docs/, what registries and clients are told, the units of deploy/systemd/, and
 * the snapshot of each tool in test/snapshots/. With --check it
 * writes nothing, and exits 1 when something is stale.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toListedTool } from '../src/operations/listed-tool.ts';
import { allOperations } from '../src/operations/registry.ts';
import { packaging, withInstallLinks } from './docs/packaging.ts';
import { pages } from './docs/pages.ts';

const root = join(import.meta.dirname, '..');
const SNAPSHOTS = 'test/snapshots';

const wanted = new Map(Object.entries({ ...pages, ...packaging }).map(([path, render]) => [path, render()]));
wanted.set('README.md', withInstallLinks((await textAt('README.md')) ?? ''));
for (const operation of allOperations) {
  wanted.set(`${SNAPSHOTS}/${operation.name}.json`, `${JSON.stringify(toListedTool(operation), null, 2)}\n`);
}
await mkdir(join(root, SNAPSHOTS), { recursive: true });
const present = (await readdir(join(root, SNAPSHOTS))).map(name => `${SNAPSHOTS}/${name}`);
const superfluous = present.filter(path => path.endsWith('.json') && !wanted.has(path));
const stale: string[] = [];
for (const [path, text] of wanted) if ((await textAt(path)) !== text) stale.push(path);

if (process.argv.includes('--check')) {
  for (const path of [...stale, ...superfluous])
    console.error(`${path} is stale: run npm run docs and review the change`);
  process.exitCode = stale.length + superfluous.length > 0 ? 1 : 0;
} else {
  for (const path of stale) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), wanted.get(path) ?? '');
  }
  for (const path of superfluous) await rm(join(root, path));
  console.log(`${wanted.size} files, ${stale.length} written, ${superfluous.length} removed`);
}

async function textAt(path: string): Promise<string | undefined> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
