import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { alice, type Bench, callOf, withBench } from '../../../../test/support/hub-under-test.ts';
import { type Puppet, puppetDriver } from '../../../../test/support/puppet-agent.ts';
import { AppError } from '../../../errors/app-error.ts';
import type { OpenSession } from '../../../protocol/presence.ts';
import type { Hub } from '../../hub.ts';
import type { Prompt } from '../prompt.ts';

const open = (agentSessionId: string, patch: Partial<OpenSession> = {}): OpenSession => ({
  ...{ agent: 'puppet', agentSessionId, pid: 4711, status: 'idle', since: 1 },
  ...patch,
});
const isElsewhere = (error: unknown) => error instanceof AppError && error.code === 'SESSION_OPEN_ELSEWHERE';

/** A session whose agent has ended, so that a terminal may have it. */
async function stage(bench: Bench, sweepMs = 50) {
  const puppets: Puppet[] = [];
  const hub = await bench.hub({ timing: { sweepMs } });
  const worker = await bench.worker({ driver: puppetDriver(puppets) });
  const { id } = await hub.sessions.desk.create({ agent: 'puppet', cwd: '/', permissionMode: 'default' }, callOf());
  await eventually(async () => (await hub.sessions.desk.find(id, alice)).status === 'idle');
  await hub.sessions.desk.dispose(await hub.sessions.desk.find(id, alice));
  const statusOf = async () => (await hub.sessions.desk.find(id, alice)).status;
  const isNow = (status: string) => eventually(async () => (await statusOf()) === status);
  return { hub, worker, puppets, id, statusOf, isNow };
}

const send = async (hub: Hub, id: string, whenOpen?: Prompt['whenOpen'], key?: string) => {
  const session = await hub.sessions.desk.find(id, alice);
  const prompt = { text: 'go', attachments: [], ...(whenOpen && { whenOpen }) };
  const request = { session, prompt, whenBusy: 'queue', ...(key !== undefined && { idempotencyKey: key }) } as const;
  return await hub.sessions.desk.send(request, callOf());
};
const eventsOf = async (bench: Bench, id: string) => await bench.store.events.read(`session:${id}`, 0, 1000);
const stateOf = async (bench: Bench, turnId: string) => (await bench.store.turns.get(turnId))?.state;

describe('a session that its user has open in a terminal', () => {
  it(
    'is a mirror while it is open, and parked when it is closed there',
    withBench(async bench => {
      const { hub, worker, id, isNow } = await stage(bench);
      await worker.openTerminals([open('own-1')]);
      await isNow('mirror');
      const session = await hub.sessions.desk.find(id, alice);
      assert.deepEqual(await hub.sessions.presence.ofSession(session), {
        ...{ kind: 'terminal', pid: 4711, status: 'idle', since: 1 },
      });
      await worker.openTerminals([open('own-1', { status: 'busy' })]);
      await worker.openTerminals([open('own-1', { status: 'busy' })]);
      await worker.openTerminals([]);
      await isNow('parked');
      const told = (await eventsOf(bench, id)).flatMap(({ body }) => (body.session ? [Object(body.session)] : []));
      const states = told
        .filter(({ openIn }) => openIn !== undefined)
        .map(({ status, openIn }) => [status, openIn?.status]);
      // Each change once.
      assert.deepEqual(states, [
        ['mirror', 'idle'],
        ['mirror', 'busy'],
        ['parked', undefined],
      ]);
    }),
  );

  it(
    'is no mirror any more when its worker is gone',
    withBench(async bench => {
      const { worker, isNow } = await stage(bench);
      await worker.openTerminals([open('own-1')]);
      await isNow('mirror');
      await worker.leave();
      await isNow('parked');
    }),
  );

  it(
    'takes no prompt unless its caller chooses how, and nothing is written',
    withBench(async bench => {
      const { hub, worker, puppets, id, isNow } = await stage(bench);
      await worker.openTerminals([open('own-1')]);
      await isNow('mirror');
      const before = (await eventsOf(bench, id)).length;
      await assert.rejects(send(hub, id, undefined, 'key'), isElsewhere);
      assert.deepEqual(await bench.store.turns.open(id), []);
      assert.equal((await eventsOf(bench, id)).length, before);
      assert.equal(puppets.length, 1);
      // What was refused has not used its key up.
      await worker.openTerminals([]);
      await isNow('parked');
      assert.equal((await send(hub, id, undefined, 'key')).via, 'resume');
    }),
  );

  it(
    'is found open also when the hub was not told yet',
    withBench(async bench => {
      const { hub, worker, id } = await stage(bench);
      await worker.openTerminals([open('own-1')], { isTold: false });
      await assert.rejects(send(hub, id), isElsewhere);
    }),
  );

  it(
    'gets a prompt that waits for it once it is closed, and no sooner, whatever hub has taken it',
    withBench(async bench => {
      const { hub, worker, puppets, id, isNow } = await stage(bench, 600_000);
      await worker.openTerminals([open('own-1')]);
      await isNow('mirror');
      const held = await send(hub, id, 'wait');
      assert.deepEqual([held.via, await stateOf(bench, held.turn.id)], ['queue', 'waiting']);
      await hub.close();
      const next = await bench.hub({ timing: { sweepMs: 50 } });
      await worker.openTerminals([open('own-1', { status: 'busy' })]);
      assert.equal(await stateOf(bench, held.turn.id), 'waiting');
      await worker.openTerminals([]);
      await eventually(() => puppets.length === 2 && puppets[1]?.prompts.length === 1);
      puppets[1]?.end('completed');
      await eventually(async () => (await stateOf(bench, held.turn.id)) === 'completed');
      await next.close();
    }),
  );

  it(
    'that is opened in the moment of resuming holds a prompt that may wait, and fails one that may not',
    withBench(async bench => {
      const { hub, worker, puppets, id } = await stage(bench);
      // Accepted while the worker could not be asked.
      const session = await hub.sessions.desk.find(id, alice);
      const accept = async (whenOpen?: 'wait') => {
        const prompt = { text: 'go', attachments: [], ...(whenOpen && { whenOpen }) };
        const turn = { id: randomUUID(), sessionId: id, caller: session.caller, prompt, expiresAt: null };
        await bench.store.turns.enqueue({ ...turn, state: 'queued' }, { most: 20 });
        return turn.id;
      };
      await worker.openTerminals([open('own-1')], { isTold: false });
      const [waits, fails] = [await accept('wait'), await accept()];
      await eventually(async () => (await stateOf(bench, waits)) === 'waiting');
      await eventually(async () => (await stateOf(bench, fails)) === 'failed');
      const error = (await eventsOf(bench, id)).find(({ type }) => type === 'session.error');
      assert.equal(error?.body.code, 'SESSION_OPEN_ELSEWHERE');
      assert.equal(puppets.length, 1);
      await worker.openTerminals([open('own-1')]);
      await worker.openTerminals([]);
      await eventually(() => puppets[1]?.prompts.length === 1);
    }),
  );

  it(
    'ends a prompt that waited too long',
    withBench(async bench => {
      const { hub, worker, id, isNow } = await stage(bench);
      await worker.openTerminals([open('own-1')]);
      await isNow('mirror');
      const held = await send(hub, id, 'wait');
      const { prompt = {} } = (await bench.store.turns.get(held.turn.id)) ?? {};
      await bench.store.turns.hold(held.turn.id, { prompt, expiresAt: 1 });
      assert.equal(prompt.whenOpen, 'wait');
      await eventually(async () => (await stateOf(bench, held.turn.id)) === 'expired');
      await eventually(async () => (await eventsOf(bench, id)).some(({ type }) => type === 'session.idle'));
      const ends = (await eventsOf(bench, id)).slice(-2).map(({ type, body }) => [type, body.turnId]);
      assert.deepEqual(ends, [
        ['prompt.expired', held.turn.id],
        ['session.idle', held.turn.id],
      ]);
    }),
  );
});
