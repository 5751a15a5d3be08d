/** Runs the test files below the given paths (default: all) with Node's own runner; its summary is the last thing printed. */
import { spawn } from 'node:child_process';
import { glob } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const roots = process.argv.slice(2);
const patterns = (roots.length > 0 ? roots : ['src', 'test']).map(root =>
  root.endsWith('.ts') ? root : `${root}/**/*.test.ts`,
);
const files = (await Array.fromAsync(glob(patterns))).filter(file => !file.includes('node_modules')).sort();
if (files.length === 0) {
  console.error(`no test files below ${patterns.join(', ')}`);
  process.exit(1);
}
const child = spawn(
  process.execPath,
  [
    '--test',
    '--test-concurrency=2',
    '--test-timeout=420000',
    '--test-reporter=spec',
    '--disable-warning=ExperimentalWarning',
    ...files,
  ],
  {
    stdio: 'inherit',
    // Thousands of processes of the same program are started: with this most of them need half the time.
    env: {
      NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)),
      ...process.env,
    },
  },
);
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
