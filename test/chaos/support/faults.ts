import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { call, must } from './client.ts';
import { isSkewed, skewedClock } from './skewed-clock.ts';
import { ASK, READ, RUN, type World } from './world.ts';

const DOWN_MS = 1_000;
const SKEW_SECONDS = 600;

export interface Fault {
  readonly name: string;
  /** From when the time until all answer again is counted. */
  readonly countedFrom: string;
  /** Seconds that callers may have to wait, beyond which a round has failed. */
  limit?(world: World): number;
  /** Breaks something, waits until all of it answers again, and mends it. Answers the seconds, and what was seen. */
  round(world: World, round: number): Promise<{ seconds: number; seen?: string }>;
}

const leaseAndTwo = ({ size }: World): number => size.leaseSeconds + 2;

const workerKilled: Fault = {
  name: 'kill -9 of a worker',
  countedFrom: 'the kill',
  limit: leaseAndTwo,
  async round(world) {
    const { member, held } = await world.busiest();
    await member.process.kill();
    const seconds = await world.allAnswer(held, READ);
    await world.restart(member);
    return { seconds, seen: `${held.length} workspaces moved` };
  },
};

const workerStopped: Fault = {
  name: 'SIGSTOP of a worker for two leases',
  countedFrom: 'the stop',
  limit: leaseAndTwo,
  async round(world) {
    const { member, held } = await world.busiest();
    member.process.child.kill('SIGSTOP');
    const [seconds] = await Promise.all([world.allAnswer(held, READ), delay(world.size.leaseSeconds * 2_000)]);
    member.process.child.kill('SIGCONT');
    return { seconds, seen: `${held.length} workspaces moved` };
  },
};

const workerCutOff: Fault = {
  name: 'partition of a worker for two leases',
  countedFrom: 'the cut',
  limit: leaseAndTwo,
  async round(world) {
    const { member, held } = await world.busiest();
    await member.wire.cut();
    const [seconds] = await Promise.all([world.allAnswer(held, READ), delay(world.size.leaseSeconds * 2_000)]);
    await member.wire.mend();
    return { seconds, seen: `${held.length} workspaces moved` };
  },
};

const hubKilled: Fault = {
  name: 'kill -9 of a hub',
  countedFrom: 'the kill',
  async round(world) {
    const hub = world.hubs[0] ?? assert.fail('there is no hub');
    await hub.kill();
    const seconds = await world.allAnswer(world.load.workspaces, READ);
    await world.cluster.startHub(hub.directory.split('/').at(-1));
    return { seconds };
  },
};

const natsKilled: Fault = {
  name: `kill -9 of NATS, back after ${DOWN_MS / 1000} s`,
  countedFrom: 'the kill',
  async round(world) {
    await world.cluster.nats.kill();
    const back = delay(DOWN_MS).then(() => world.cluster.nats.restart());
    const [seconds] = await Promise.all([world.allAnswer(world.load.workspaces, READ), back]);
    return { seconds };
  },
};

const postgresKilled: Fault = {
  name: `kill -9 of PostgreSQL, back after ${DOWN_MS / 1000} s`,
  countedFrom: 'the kill',
  async round(world) {
    await world.cluster.postgres.kill();
    const back = delay(DOWN_MS).then(() => world.cluster.postgres.restart());
    const [seconds] = await Promise.all([world.allAnswer(world.load.workspaces, ASK), back]);
    return { seconds };
  },
};

const clockSkewed: Fault = {
  name: 'clock of a worker 10 minutes off, then kill -9 of it',
  countedFrom: 'the kill',
  limit: leaseAndTwo,
  async round(world, round) {
    const { member } = await world.busiest();
    await member.process.kill();
    await world.restart(member, await skewedClock(round % 2 === 0 ? SKEW_SECONDS : -SKEW_SECONDS));
    assert.ok(await isSkewed(member.process.child.pid ?? 0), 'the worker sees another time');
    // It works on in earnest, with the clock that it has; new workspaces come to whoever has most room.
    await world.allAnswer(world.load.workspaces, READ);
    const more = [await world.load.make(), await world.load.make(), await world.load.make()];
    await world.load.more(world.load.workspaces.length);
    const held = await world.heldBy(member.name, [...world.load.workspaces, ...more]);
    await member.process.kill();
    const seconds = await world.allAnswer(held, READ);
    await world.restart(member);
    for (const workspace_id of more) await must(world.cluster.url, 'workspace_delete', { workspace_id });
    return { seconds, seen: `${held.length} workspaces moved` };
  },
};

const outboxFull: Fault = {
  name: 'the disk of a worker’s outbox is full for one lease',
  countedFrom: 'the space is back',
  async round(world) {
    const { member, held } = await world.busiest();
    await member.disk.fill();
    const until = Date.now() + world.size.leaseSeconds * 1_000;
    const codes = new Set<string>();
    while (Date.now() < until) {
      for (const workspace_id of held) {
        const answer = await call(world.cluster.url, RUN.tool, { workspace_id, ...RUN.args });
        codes.add(answer.kind === 'failed' ? answer.code : answer.kind);
      }
      await delay(100);
    }
    await member.disk.free();
    const seconds = await world.allAnswer(held, RUN);
    return { seconds, seen: `new work meanwhile: ${[...codes].join(', ')}` };
  },
};

export const allFaults: readonly Fault[] = [
  workerKilled,
  hubKilled,
  natsKilled,
  postgresKilled,
  workerStopped,
  workerCutOff,
  outboxFull,
  clockSkewed,
];
