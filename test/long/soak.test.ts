import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { footprint, leftovers } from '../support/leftovers.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

/** 1,000 for the long form, `npm run test:soak`. */
const WORKSPACES = Number(process.env.BOXSWAIN_TEST_WORKSPACES ?? 60);
const AT_ONCE = Math.min(50, WORKSPACES / 2);
const WARM_UP = AT_ONCE;
/** What a garbage collector may keep for a while. */
const SLACK_BYTES = 96 * 1024 * 1024;

async function operate(
  server: RunningServer,
  tool: string,
  args: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}/api/operations/${tool}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  const body = Object(await response.json());
  assert.equal(response.status, 200, `${tool}: ${JSON.stringify(body)}`);
  return body;
}

async function useWorkspace(server: RunningServer): Promise<void> {
  const { workspace_id } = await operate(server, 'workspace_create', {});
  const run = await operate(server, 'run_python', { workspace_id, code: 'print(1)' });
  assert.equal(run.stdout, '1\n');
  await operate(server, 'workspace_delete', { workspace_id });
}

async function useMany(server: RunningServer, count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await useWorkspace(server);
    }),
  );
}

test(`${WORKSPACES} workspaces, ${AT_ONCE} at a time: memory, descriptors and processes return to where they began`, async t => {
  const scratch = await scratchDirectory();
  const server = await startServer({ directory: scratch.path, env: { BOXSWAIN_WORKER_SLOTS: '64' } });
  const pid = server.child.pid ?? assert.fail('no pid');
  await useMany(server, WARM_UP);
  await eventually(async () => (await footprint(pid)).children < 40);
  const before = await footprint(pid);
  await useMany(server, WORKSPACES);
  await eventually(
    async () =>
      (await footprint(pid)).children <= before.children &&
      (await footprint(pid)).descriptors <= before.descriptors + 8,
  );
  const after = await footprint(pid);
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.ok(after.residentBytes < before.residentBytes + SLACK_BYTES, 'memory');
  const listed = await operate(server, 'workspace_list', {});
  assert.equal(listed.total, 0);
  await server.stop();
  assert.deepEqual(await leftovers(scratch.path), []);
  await scratch.remove();
});
