/** Builds the MCP bundle for clients that install such files, `dist-bundle/boxswain-<version>.mcpb`, with all that it needs but Node itself, and starts it once. */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packExtension } from '@anthropic-ai/mcpb';
import { z } from 'zod';
import { toolsOfBundle } from './check-bundle.ts';

const root = join(import.meta.dirname, '..');
const SHIPPED = ['bin', 'dist', 'package.json', 'package-lock.json', 'LICENSE', 'README.md', '.npmrc'];

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
const output = join(root, 'dist-bundle', `boxswain-${version}.mcpb`);
const stage = await mkdtemp(join(tmpdir(), 'boxswain-bundle-'));
try {
  if (!process.argv.includes('--built')) execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' });
  for (const name of SHIPPED) await cp(join(root, name), join(stage, name), { recursive: true });
  await cp(join(root, 'bundle', 'manifest.json'), join(stage, 'manifest.json'));
  const install = ['ci', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', install, { cwd: stage, stdio: 'inherit' });
  await writeFile(join(stage, '.mcpbignore'), 'package-lock.json\n.npmrc\n');
  await mkdir(join(root, 'dist-bundle'), { recursive: true });
  if (!(await packExtension({ extensionPath: stage, outputPath: output, silent: true })))
    throw new Error('the manifest of the bundle is refused by its own checker');
  const tools = await toolsOfBundle(output);
  console.log(`${output}: unpacked and started, it lists ${tools.length} tools`);
} finally {
  await rm(stage, { recursive: true, force: true });
}
