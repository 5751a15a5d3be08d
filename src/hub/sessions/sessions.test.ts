import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { alice, type Bench, callOf, mallory, withBench } from '../../../test/support/hub-under-test.ts';
import { type Puppet, puppetDriver } from '../../../test/support/puppet-agent.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Driver } from '../../worker/agents/driver.ts';
import type { Hub } from '../hub.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

/** A hub and a worker that drives puppets, with a session of one. */
async function stage(bench: Bench, hub?: Hub) {
  const puppets: Puppet[] = [];
  const at = hub ?? (await bench.hub({ timing: { sweepMs: 50 } }));
  const worker = await bench.worker({ driver: puppetDriver(puppets) });
  const session = await at.sessions.desk.create({ agent: 'puppet', cwd: '/', permissionMode: 'default' }, callOf());
  const puppet = puppets[0] ?? assert.fail('no agent was started');
  return { hub: at, worker, puppets, puppet, session };
}

const send = async (
  hub: Hub,
  id: string,
  text: string,
  options: { key?: string; whenBusy?: 'interrupt' | 'error' } = {},
) => {
  const session = await hub.sessions.desk.find(id, alice);
  const { key: idempotencyKey, whenBusy = 'queue' } = options;
  return await hub.sessions.desk.send(
    { session, prompt: { text, attachments: [] }, whenBusy, idempotencyKey },
    callOf(),
  );
};
const typesOf = async (bench: Bench, id: string) =>
  (await bench.store.events.read(`session:${id}`, 0, 1000)).map(({ type }) => type);
const stateOf = async (bench: Bench, turnId: string) => (await bench.store.turns.get(turnId))?.state;

describe('a session that a hub directs', () => {
  it(
    'is created where its agent and directory are, once for a key, and is its caller’s alone',
    withBench(async bench => {
      const { hub, worker, puppets, session } = await stage(bench);
      assert.equal(session.worker, worker.id);
      assert.equal(session.agentSessionId, 'own-1');
      await assert.rejects(hub.sessions.desk.find(session.id, mallory), hasCode('SESSION_NOT_FOUND'));
      await assert.rejects(hub.sessions.desk.find(randomUUID(), alice), hasCode('SESSION_NOT_FOUND'));
      const request = { agent: 'puppet', cwd: '/', permissionMode: 'default', idempotencyKey: 'k' } as const;
      const twice = await Promise.all([1, 2].map(() => hub.sessions.desk.create(request, callOf())));
      assert.equal(twice[0]?.id, twice[1]?.id);
      assert.equal(puppets.length, 2);
      const wrong = { agent: 'puppet', cwd: '/nowhere', permissionMode: 'default' } as const;
      await assert.rejects(hub.sessions.desk.create(wrong, callOf()), hasCode('INVALID_CWD'));
      await assert.rejects(hub.sessions.desk.create({ ...wrong, agent: 'x' }, callOf()), hasCode('AGENT_UNAVAILABLE'));
    }),
  );

  it(
    'gets its prompts one after another, each once, and each has one end',
    withBench(async bench => {
      const { hub, puppet, session } = await stage(bench);
      const first = await send(hub, session.id, 'one', { key: 'a' });
      const again = await send(hub, session.id, 'one', { key: 'a' });
      assert.equal(again.turn.id, first.turn.id);
      const second = await send(hub, session.id, 'two');
      assert.deepEqual([first.via, second.via], ['resume', 'queue']);
      await assert.rejects(send(hub, session.id, 'three', { whenBusy: 'error' }), hasCode('SESSION_BUSY'));
      await eventually(() => puppet.prompts.length === 1);
      puppet.end('completed');
      await eventually(() => puppet.prompts.length === 2);
      puppet.end('completed');
      await eventually(async () => (await stateOf(bench, second.turn.id)) === 'completed');
      assert.deepEqual(puppet.prompts, ['one', 'two']);
      assert.equal((await typesOf(bench, session.id)).filter(type => type === 'session.idle').length, 2);
    }),
  );

  it(
    'is watched by whoever waits: to its end, or to a request for leave, which the first answer settles',
    withBench(async bench => {
      const { hub, puppet, session } = await stage(bench);
      const { desk, permissions } = hub.sessions;
      const { signal } = new AbortController();
      const sent = await send(hub, session.id, 'write');
      await eventually(() => puppet.prompts.length === 1);
      const answer = puppet.ask();
      const waiting = await desk.watch(sent, { timeoutMs: 5000, signal });
      assert.deepEqual([waiting.waitsForPermission, waiting.timedOut], [true, false]);
      const [asked] = (await permissions.list({ caller: 'alice', pendingOnly: true, limit: 10 })).rows;
      assert.ok(asked);
      const respond = (behavior: 'allow' | 'deny', caller = alice) =>
        permissions.respond(
          { sessionId: session.id, requestId: asked.id, answer: { behavior, remember: 'once' } },
          caller,
        );
      await assert.rejects(respond('allow', mallory), hasCode('PERMISSION_NOT_PENDING'));
      const always = { behavior: 'allow', remember: 'always' } as const;
      const request = { sessionId: session.id, requestId: asked.id, answer: always };
      await assert.rejects(permissions.respond(request, alice), hasCode('CAPABILITY_UNSUPPORTED'));
      assert.equal((await respond('allow')).isRepeat, false);
      assert.deepEqual(await answer, { behavior: 'allow', remember: 'once' });
      assert.equal((await respond('allow')).isRepeat, true);
      await assert.rejects(respond('deny'), hasCode('PERMISSION_NOT_PENDING'));
      puppet.end('completed');
      const seen = await desk.watch(sent, { timeoutMs: 5000, signal });
      assert.equal(seen.result?.outcome, 'completed');
      const next = await send(hub, session.id, 'more');
      const late = await desk.watch(next, { timeoutMs: 30, signal });
      assert.deepEqual([late.timedOut, late.result], [true, undefined]);
    }),
  );

  it(
    'is interrupted and goes on; disposed, it resumes with the next prompt',
    withBench(async bench => {
      const { hub, puppets, puppet, session } = await stage(bench);
      const { desk } = hub.sessions;
      assert.equal(await desk.abort(await desk.find(session.id, alice)), false);
      const sent = await send(hub, session.id, 'one');
      await eventually(() => puppet.prompts.length === 1);
      assert.equal(await desk.abort(await desk.find(session.id, alice)), true);
      await eventually(async () => (await stateOf(bench, sent.turn.id)) === 'aborted');
      assert.equal(await desk.dispose(await desk.find(session.id, alice)), true);
      assert.equal(puppet.isClosed, true);
      assert.equal(await desk.dispose(await desk.find(session.id, alice)), false);
      await send(hub, session.id, 'two');
      await eventually(() => puppets[1]?.prompts[0] === 'two');
    }),
  );

  it(
    'whose worker is lost says so, reports the prompt that its agent had, and resumes elsewhere in time',
    withBench(async bench => {
      const { hub, worker, puppet, session } = await stage(bench);
      const had = await send(hub, session.id, 'one');
      await eventually(() => puppet.prompts.length === 1);
      void puppet.ask();
      await eventually(
        async () =>
          (await bench.store.permissions.list({ caller: 'alice', pendingOnly: true, limit: 1 })).rows.length === 1,
      );
      await worker.leave();
      await eventually(async () => (await stateOf(bench, had.turn.id)) === 'interrupted');
      assert.equal((await bench.store.sessions.get(session.id))?.status, 'failed');
      const { rows } = await bench.store.permissions.list({ caller: 'alice', pendingOnly: false, limit: 1 });
      assert.equal(rows[0]?.state, 'expired');
      const types = await typesOf(bench, session.id);
      assert.ok(types.includes('session.error') && types.includes('permission_resolved'));
      assert.equal(types.filter(type => type === 'session.idle').length, 1);
    }),
  );

  it(
    'whose agent ends each time before it has the prompt says so, and the prompt has its one end',
    withBench(async bench => {
      const puppets: Puppet[] = [];
      const puppet = puppetDriver(puppets);
      const open: Driver['open'] = async (request, host) => {
        const live = await puppet.open(request, host);
        puppets.at(-1)?.exited.resolve({ code: 9, signal: null });
        return live;
      };
      const hub = await bench.hub({ timing: { sweepMs: 50 } });
      await bench.worker({ driver: { ...puppet, open } });
      const session = await hub.sessions.desk.create(
        { agent: 'puppet', cwd: '/', permissionMode: 'default' },
        callOf(),
      );
      const { turn } = await send(hub, session.id, 'one');
      await eventually(async () => (await stateOf(bench, turn.id)) === 'failed');
      const events = await bench.store.events.read(`session:${session.id}`, 0, 1000);
      const [error, ...more] = events.filter(({ type }) => type === 'session.error');
      assert.deepEqual([error?.body.code, more], ['SESSION_FAILED', []]);
      assert.equal(events.filter(({ type, body }) => type === 'session.idle' && body.turnId === turn.id).length, 1);
      assert.ok(puppets.every(({ prompts }) => prompts.length === 0));
    }),
  );

  it(
    'goes on at another hub when the first is gone before it gave a prompt',
    withBench(async bench => {
      const { hub, puppet, session } = await stage(bench);
      await hub.close();
      const turn = {
        id: randomUUID(),
        sessionId: session.id,
        caller: 'alice',
        expiresAt: null,
        state: 'queued',
      } as const;
      await bench.store.turns.enqueue({ ...turn, prompt: { text: 'left', attachments: [] } }, { most: 20 });
      await bench.hub({ timing: { sweepMs: 20 } });
      await eventually(() => puppet.prompts[0] === 'left');
    }),
  );

  it(
    'is seen by any number of readers, each event once, with a cursor over all sessions',
    withBench(async bench => {
      const { hub, puppet, session } = await stage(bench);
      const { feed } = hub.sessions;
      const { signal } = new AbortController();
      await send(hub, session.id, 'one');
      await eventually(() => puppet.prompts.length === 1);
      puppet.end('completed');
      await eventually(async () => (await typesOf(bench, session.id)).includes('session.idle'));
      const readAll = async (limit: number) => {
        const seen: string[] = [];
        let position = { seq: 0, offset: 0 };
        while (true) {
          const page = await feed.read('alice', { after: position, limit, waitMs: 0, signal });
          if (page.events.length === 0) return seen;
          assert.ok(page.events.length <= limit && !page.hasGap);
          seen.push(...page.events.map(({ event: { stream, seq } }) => `${stream}#${seq}`));
          position = page.position;
        }
      };
      const whole = await readAll(1000);
      assert.deepEqual(await readAll(1), whole);
      assert.deepEqual(await readAll(3), whole);
      assert.equal(new Set(whole).size, whole.length);
      assert.equal(whole.length, (await typesOf(bench, session.id)).length);
    }),
  );
});

describe('a session that was begun elsewhere', () => {
  it(
    'is resumed by a prompt when nobody has it open',
    withBench(async bench => {
      const { hub, worker, puppets } = await stage(bench);
      const row = await bench.store.sessions.insert({
        ...{ id: randomUUID(), caller: 'alice', agent: 'puppet', agentSessionId: 'own-x', worker: worker.id },
        ...{ workspaceId: null, slug: '-', cwd: '/', title: '', model: null, permissionMode: 'default' },
        ...{ status: 'parked', parentId: null, forkedFrom: null, atMessageId: null, usage: {}, messageCount: 1 },
        metadata: { adopted: true },
      });
      assert.equal((await send(hub, row.id, 'go')).via, 'resume');
      await eventually(() => puppets[1]?.prompts.length === 1);
    }),
  );
});
