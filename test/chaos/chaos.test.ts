import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { allFaults } from './support/faults.ts';
import { type FaultReport, writeReport } from './support/report.ts';
import { World } from './support/world.ts';

/** The long form, `npm run test:chaos`: 20 rounds of each fault, 4 workers, 40 workspaces. */
const setting = (name: string, usual: number): number => Number(process.env[`BOXSWAIN_CHAOS_${name}`] ?? usual);
const ROUNDS = setting('ROUNDS', 1);
const SIZE = {
  hubs: 2,
  workers: setting('WORKERS', 3),
  workspaces: setting('WORKSPACES', 9),
  leaseSeconds: setting('LEASE_SECONDS', 4),
};
/** Whether a round that takes longer than promised fails; a machine that others use too takes what it takes. */
const IS_STRICT = process.env.BOXSWAIN_CHAOS_STRICT === '1';
/** Only faults whose names contain this. */
const ONLY = process.env.BOXSWAIN_CHAOS_ONLY ?? '';
const ROUND = { timeout: ROUNDS * 240_000 };

describe(`a cluster of ${SIZE.workers} workers under load, ${ROUNDS} rounds of each fault`, () => {
  const reports: FaultReport[] = [];
  let world: World;
  before(async () => {
    world = await World.start(SIZE);
  });
  after(async () => {
    const partition = world.members[0]?.wire.kind ?? '';
    const report = { ...SIZE, partition, tasks: world.load.told.size, faults: reports };
    await writeReport(report, process.env.BOXSWAIN_CHAOS_OUTPUT);
    await world.close();
  });

  for (const fault of allFaults.filter(({ name }) => name.includes(ONLY))) {
    test(fault.name, ROUND, async context => {
      const recoveries: number[] = [];
      const seen = new Set<string>();
      const before = new Map(world.load.refusals);
      const told = () => {
        const counts = [...world.load.refusals].map(
          ([what, count]) => [what, count - (before.get(what) ?? 0)] as const,
        );
        return [...seen, ...counts.flatMap(([what, count]) => (count > 0 ? [`${count} × ${what}`] : []))].join('; ');
      };
      try {
        for (let round = 0; round < ROUNDS; round++) {
          const ended = await fault.round(world, round);
          recoveries.push(ended.seconds);
          if (ended.seen) seen.add(ended.seen);
          context.diagnostic(`round ${round + 1}: ${ended.seconds.toFixed(2)} s`);
          await world.settle();
          await world.check();
          const most = fault.limit?.(world) ?? Number.POSITIVE_INFINITY;
          if (IS_STRICT) assert.ok(ended.seconds <= most, `${ended.seconds.toFixed(2)} s, and ${most} s are promised`);
        }
      } finally {
        reports.push({ fault: fault.name, expectation: fault.countedFrom, recoveries, seen: told() });
      }
    });
  }

  test('tasks ran in boxes, and were seen to run once', async () => {
    await world.load.stop();
    await world.check();
    assert.ok(world.executions.count > world.load.workspaces.length, `${world.executions.count} executions seen`);
  });
});
