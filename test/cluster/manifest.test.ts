import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * The contracts in a cluster: the same verifications as in solo mode, with two hubs that take turns with every request. Here only what
 * shows most, over HTTP in both eras; `npm run test:cluster` verifies every row on every wire, and takes its time. The files of a contract
 * run in one process, and so share one cluster.
 */
const FILES = {
  sandbox: ['golden', 'shared', 'workspaces'],
  sessions: ['tools', 'refusals'],
};

/** A contract is one test for the runner, which gives a test less. */
const LIMIT = { timeout: 900_000 };

// Most of the time verifications wait: two clusters at once keep a machine of two cores busy.
describe('every requirement holds in a cluster', { concurrency: true }, () => {
  for (const [folder, names] of Object.entries(FILES)) {
    test(folder, LIMIT, async context => {
      const files = names.map(name =>
        fileURLToPath(new URL(`../requirements/${folder}/${name}.test.ts`, import.meta.url)),
      );
      const { code, output } = await run(files);
      const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1]);
      context.diagnostic(`${count('pass')} verifications`);
      const failures = output.match(/^ *not ok [\s\S]*?^ *\.\.\.$/gm) ?? [];
      assert.equal(code, 0, failures.join('\n').slice(0, 10_000) || output.slice(-10_000));
      assert.ok(count('pass') > 10 * files.length && count('fail') === 0, output.slice(-2_000));
    });
  }
});

async function run(files: readonly string[]): Promise<{ code: number | null; output: string }> {
  const { NODE_TEST_CONTEXT, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--test', '--test-isolation=none', '--test-reporter=tap', ...files], {
    env: {
      BOXSWAIN_TEST_VERIFICATION_SECONDS: '300',
      ...inherited,
      BOXSWAIN_TEST_TARGET: 'cluster',
      BOXSWAIN_TEST_WIRES: 'http',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  return { code, output };
}
