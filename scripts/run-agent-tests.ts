/** The contract of drivers with every real agent, also those that CI leaves out; `--latest` takes the newest versions that npm has. */
import { spawn } from 'node:child_process';
import { glob } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../test/agents/', import.meta.url));
const files = (await Array.fromAsync(glob(['*.test.ts', '*.agent.ts'], { cwd: folder }))).sort();
const env = process.argv.includes('--latest') ? { ...process.env, BOXSWAIN_TEST_AGENTS: 'latest' } : process.env;
// One after the other: they are large, and none is to be slow because of another.
const child = spawn(process.execPath, ['--test', '--test-concurrency=1', ...files], {
  cwd: folder,
  stdio: 'inherit',
  env,
});
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
