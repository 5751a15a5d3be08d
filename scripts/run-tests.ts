/** Runs the test files below the given paths (default: all) with Node's own runner; its summary is the last thing printed. */
import { spawn } from 'node:child_process';
import { glob } from 'node:fs/promises';

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
  },
);
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
