import assert from 'node:assert/strict';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { footprint, leftovers } from '../support/leftovers.ts';
import { memoryOf, tellingMemory } from '../support/memory.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { operated } from '../support/operations-api.ts';

/** 1,000 for the long form, `npm run test:soak`. */
const WORKSPACES = Number(process.env.BOXSWAIN_TEST_WORKSPACES ?? 40);
const AT_ONCE = Math.min(50, WORKSPACES / 2);
/** As many as it takes until heap and allocator have the size that this load needs. */
const WARM_UP = Math.min(WORKSPACES, 300);
/** What a full collection leaves: caches that fill, code that was compiled since. */
const LIVE_SLACK_BYTES = 8 * 1024 * 1024;
/** What an allocator keeps of the pages that it once needed. */
const RESIDENT_SLACK_BYTES = 96 * 1024 * 1024;
/** On a busy machine, what is made again after many deletions pauses for longer than a moment. */
const SETTLED_MS = 6_000;

async function useWorkspace(server: RunningServer): Promise<void> {
  const { workspace_id } = await operated(server.url, 'workspace_create', {});
  const run = await operated(server.url, 'run_python', { workspace_id, code: 'print(1)' });
  assert.equal(run.stdout, '1\n');
  await operated(server.url, 'workspace_delete', { workspace_id });
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
  const memoryFile = join(scratch.path, 'memory.json');
  const server = await startServer({
    directory: scratch.path,
    env: { BOXSWAIN_WORKER_SLOTS: '64', ...tellingMemory(memoryFile) },
  });
  const pid = server.child.pid ?? assert.fail('no pid');
  await useMany(server, WARM_UP);
  const before = await settled(pid, memoryFile);
  await useMany(server, WORKSPACES);
  const after = await settled(pid, memoryFile);
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.ok(after.liveBytes < before.liveBytes + LIVE_SLACK_BYTES, 'live memory');
  assert.ok(after.residentBytes < before.residentBytes + RESIDENT_SLACK_BYTES, 'resident memory');
  assert.equal(after.children, before.children, 'processes');
  assert.ok(after.descriptors <= before.descriptors + 8, 'descriptors');
  const listed = await operated(server.url, 'workspace_list', {});
  assert.equal(listed.total, 0);
  await server.stop();
  assert.deepEqual(await leftovers(scratch.path), []);
  await scratch.remove();
});

/** What the server takes once its deleted boxes have ended and its spare boxes are made again. */
async function settled(pid: number, memoryFile: string) {
  let now = await footprint(pid);
  let since = Date.now();
  await eventually(async () => {
    const next = await footprint(pid);
    if (next.children !== now.children || next.descriptors !== now.descriptors) since = Date.now();
    now = next;
    return Date.now() - since > SETTLED_MS;
  }, 60_000);
  const descriptors = now.descriptors - (await connectionsTo(pid));
  return { children: now.children, descriptors, ...(await memoryOf(pid, memoryFile)) };
}

/** How many a client keeps open that it does not use is by chance, and its own affair. */
async function connectionsTo(pid: number): Promise<number> {
  const rows = (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).split('\n').slice(1);
  const established = rows.map(row => row.trim().split(/\s+/)).filter(([, , , state]) => state === '01');
  const sockets = new Set(established.map(fields => `socket:[${fields[9]}]`));
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map(name => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return links.filter(link => sockets.has(link)).length;
}
