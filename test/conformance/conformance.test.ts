import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestServer } from '../mcp/stand-in.ts';
import { fixtures } from './fixtures/fixtures.ts';
import { taskOperations } from './fixtures/task-operations.ts';

const suite = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);

/** Runs the suite against a server with the fixtures; gives what it printed and its exit code. */
async function runSuite(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  await using server = await startTestServer({
    mcp: fixtures(),
    operations: (all, hub) => [...all, ...taskOperations(hub)],
  });
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-conformance-'));
  try {
    const command = [suite, 'server', '--url', `${server.url}/mcp`, '-o', directory, ...args];
    const child = spawn(process.execPath, command, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await exited, output: out + err };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('the official conformance suite finds nothing to object to', () => {
  for (const revision of ['2025-11-25', '2026-07-28']) {
    test(`in what ${revision} requires`, async () => {
      const { code, output } = await runSuite(['--requirements', revision]);
      assert.equal(code, 0, output);
    });
  }

  // Left out: the scenarios about tasks that ask their client, or that refuse to be anything else. None of ours does.
  for (const scenario of [
    'tasks-lifecycle',
    'tasks-capability-negotiation',
    'tasks-wire-fields',
    'tasks-request-state-removal',
    'tasks-request-headers',
    'tasks-status-notifications',
    'http-header-validation',
  ]) {
    test(`in ${scenario}`, async () => {
      const { code, output } = await runSuite(['--scenario', scenario]);
      assert.equal(code, 0, output);
    });
  }
});
