/** Compiles the sources into `dist/` for the published package, with the Python files that lie beside them. */
import { execFileSync } from 'node:child_process';
import { cp, glob, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
await rm(new URL('../dist', import.meta.url), { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
for await (const file of glob('src/**/*.py', { cwd: root })) {
  await cp(new URL(`../${file}`, import.meta.url), new URL(`../${file.replace(/^src/, 'dist')}`, import.meta.url));
}
