import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { Callers } from './support/callers.ts';
import { sharesBetween, usageOf } from './support/cpu.ts';
import { eventually } from '../support/eventually.ts';
import { CALLERS, type Footprint, type MeasuredCluster, startMeasured } from './support/roles.ts';

/** The long form, `npm run test:load`: 1,000 idle and 100 active workspaces over 4 workers for 10 minutes. */
const setting = (name: string, usual: number): number => Number(process.env[`BOXSWAIN_LOAD_${name}`] ?? usual);
const IDLE = setting('IDLE', 10);
const ACTIVE = setting('ACTIVE', 4);
const SECONDS = setting('SECONDS', 5);
const WORKERS = setting('WORKERS', 2);
const MAKERS = 8;
const LIMIT = { timeout: SECONDS * 3_000 + IDLE * 2_000 + 240_000 };

/** What a full collection leaves: caches that fill, code that was compiled since. */
const LIVE_SLACK_BYTES = 8 * 1024 * 1024;
/** What an allocator keeps of the pages that it once needed. */
const RESIDENT_SLACK_BYTES = 96 * 1024 * 1024;
const DESCRIPTOR_SLACK = 8;
/** Boxes without a call are stopped after this; then what is left is what idle workspaces take. */
const IDLE_STOP_SECONDS = setting('IDLE_STOP_SECONDS', 2);
/** Of linear growth. */
const SCALE = 0.8;
/** From here on a machine, or the one thread of a process, has no more to give. */
const FULL = 0.85;
/** Enough to keep one worker process busy. */
const RUNNERS = setting('RUNNERS', 8);

const reports: Record<string, unknown> = { cores: cpus().length };
after(async () => {
  const path = process.env.BOXSWAIN_LOAD_OUTPUT;
  if (!path) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.json`, `${JSON.stringify(reports, null, 2)}\n`);
});

let cluster: MeasuredCluster;
before(async () => {
  cluster = await startMeasured({
    hubs: 2,
    workers: 1,
    env: {
      BOXSWAIN_WORKER_SLOTS: String(Math.max(IDLE + ACTIVE, RUNNERS)),
      BOXSWAIN_SANDBOX_IDLE_STOP_SECONDS: String(IDLE_STOP_SECONDS),
      BOXSWAIN_WORKER_DRAIN_SECONDS: '0',
    },
  });
}, LIMIT);
after(() => cluster?.close(), LIMIT);

test('runs of Python grow with a second worker process, where cores allow', LIMIT, async context => {
  const callers = new Callers(cluster.url, RUNNERS);
  const seconds = Math.min(SECONDS / 2, 60);
  try {
    const measure = async () => {
      const workspaces = await callers.makeWorkspaces(RUNNERS, MAKERS);
      await callers.runFor(Math.min(SECONDS / 2, 3), workspaces);
      const before = usageOf(cluster.pids());
      const rate = await callers.runFor(seconds, workspaces);
      const used = sharesBetween(before, usageOf(cluster.pids()));
      for (const workspace_id of workspaces) await callers.call('workspace_delete', { workspace_id });
      context.diagnostic(
        `${cluster.workers.length} worker(s): ${rate.toFixed(1)} runs/s, ${percent(used.machine)} of the machine; ${describe(used.shares)}`,
      );
      return { rate, ...used };
    };
    const one = await measure();
    await cluster.startWorker();
    const two = await measure();
    const growth = two.rate / one.rate;
    // Only what a worker process held up can grow with another one, and only where cores are left for it.
    const wasBound = one.shares.some(({ name, alone }) => name.startsWith('worker') && alone >= FULL);
    const hasCores = two.machine < FULL;
    const bound = hasCores ? `the busiest is ${busiest(two.shares)}` : `all ${cpus().length} cores are busy`;
    reports.scaling = { one, two, growth, bound };
    context.diagnostic(`from one worker process to two: ${growth.toFixed(2)}×; what bounds it: ${bound}`);
    if (wasBound && hasCores) assert.ok(growth >= 2 * SCALE, `${growth.toFixed(2)}×, and cores were left`);
  } finally {
    callers.close();
  }
});

const TITLE = `${IDLE} idle and ${ACTIVE} active workspaces over ${WORKERS} workers for ${SECONDS} s: nothing grows`;
test(TITLE, LIMIT, async context => {
  while (cluster.workers.length < WORKERS) await cluster.startWorker();
  const callers = new Callers(cluster.url, ACTIVE + MAKERS);
  try {
    await callers.makeWorkspaces(IDLE, MAKERS);
    const active = await callers.makeWorkspaces(ACTIVE, MAKERS);
    // As long as the heap takes to have the size that this load needs.
    await callers.runFor(SECONDS / 2, active);
    const before = await settled(cluster);
    const usedBefore = usageOf(cluster.pids());
    const rate = await callers.runFor(SECONDS, active);
    const { shares, machine } = sharesBetween(usedBefore, usageOf(cluster.pids()));
    const later = await settled(cluster);
    const growth = later.map((now, at) => ({ name: now.name, before: before[at] ?? assert.fail(), after: now }));
    reports.steady = { runsPerSecond: rate, machine, shares, growth };
    for (const { name, before: then, after: now } of growth)
      context.diagnostic(
        `${name}: live ${mb(then.liveBytes)} → ${mb(now.liveBytes)} MB, resident ${mb(then.residentBytes)} → ` +
          `${mb(now.residentBytes)} MB, descriptors ${then.descriptors} → ${now.descriptors}`,
      );
    context.diagnostic(`${rate.toFixed(1)} runs/s, ${percent(machine)} of the machine; ${describe(shares)}`);
    for (const { name, before: then, after: now } of growth) {
      assert.ok(now.liveBytes < then.liveBytes + LIVE_SLACK_BYTES, `live memory of ${name}`);
      assert.ok(now.residentBytes < then.residentBytes + RESIDENT_SLACK_BYTES, `resident memory of ${name}`);
      assert.ok(now.descriptors <= then.descriptors + DESCRIPTOR_SLACK, `descriptors of ${name}`);
    }
  } finally {
    callers.close();
  }
});

type Shares = ReturnType<typeof sharesBetween>['shares'];

/** What is left when the boxes of idle workspaces have stopped, and nothing comes and goes any more. */
async function settled(cluster: MeasuredCluster): Promise<Footprint[]> {
  let last = '';
  let since = Date.now();
  await eventually(async () => {
    const now = JSON.stringify(await cluster.processes());
    if (now !== last) since = Date.now();
    last = now;
    return Date.now() - since > (IDLE_STOP_SECONDS + 1) * 1000;
  }, 120_000);
  return await cluster.footprints();
}

const mb = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
/** The callers started everything, so what is below them says nothing. */
const describe = (shares: Shares): string =>
  shares
    .map(({ name, alone, below }) =>
      name === CALLERS || below < 0.005
        ? `${name} ${percent(alone)}`
        : `${name} ${percent(alone)} + ${percent(below)} below it`,
    )
    .join(', ');

function busiest(shares: Shares): string {
  const [most] = shares.toSorted((a, b) => b.alone - a.alone);
  return most ? `${most.name}, ${percent(most.alone)} of a core` : 'nobody';
}
