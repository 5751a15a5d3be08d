/**
 * Packs the last commit twice, from two clones in two folders, and fails unless both packages are the same byte for byte. What it prints
 * is what `npm view boxswain@VERSION dist.integrity` must say of a release.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const root = fileURLToPath(new URL('..', import.meta.url));
const packedSchema = z
  .array(z.looseObject({ filename: z.string(), integrity: z.string(), entryCount: z.int() }))
  .min(1);

async function pack(place: string) {
  const folder = await mkdtemp(join(tmpdir(), `boxswain-${place}-`));
  const run = (program: string, args: readonly string[]) =>
    execFileSync(program, args, { cwd: join(folder, 'clone'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${root}`, join(folder, 'clone')]);
    await symlink(join(root, 'node_modules'), join(folder, 'clone', 'node_modules'));
    run('npm', ['run', '--silent', 'build']);
    return packedSchema.parse(JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts'])))[0];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const first = await pack('a');
const second = await pack('another-place');
if (first?.integrity !== second?.integrity) {
  console.error(`two packages of one commit differ: ${first?.integrity} and ${second?.integrity}`);
  process.exitCode = 1;
} else {
  console.log(`${first?.filename}, ${first?.entryCount} files, twice the same: ${first?.integrity}`);
}
