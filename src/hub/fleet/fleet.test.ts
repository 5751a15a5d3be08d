import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '../../../test/support/eventually.ts';
import { alice, callOf, mallory, type Bench, withBench } from '../../../test/support/hub-under-test.ts';
import { MemoryProvider } from '../../../test/support/memory-provider.ts';
import { AppError } from '../../errors/app-error.ts';

const signal = new AbortController().signal;
const asking = { caller: alice, signal };
const everything = { provider: 'all', includeInactive: false, limit: 100 } as const;
/** Short enough that what is waited for is there soon. */
const quick = { lookMs: 10, sweepMs: 20, agentsMs: 20 };
const input = { text: 'go on', whenBusy: 'queue', whenPaused: 'resume' } as const;
const named = (id: string) => ({ id, user: 'me', provider: 'coder' }) as const;

async function fleet(bench: Bench, timing: object = quick) {
  const coder = new MemoryProvider();
  const hub = await bench.hub({ providers: [coder], timing });
  return { coder, hub, ...hub.fleet };
}

test(
  'twenty callers at once cause no more listings than one',
  withBench(async bench => {
    const { coder, list } = await fleet(bench, { agentsMs: 60_000 });
    coder.add({ id: 'a' });
    const gate = Promise.withResolvers<void>();
    coder.onList = () => gate.promise;
    const asked = Array.from({ length: 20 }, () => list.page(everything, asking));
    gate.resolve();
    for (const page of await Promise.all(asked)) assert.equal(page.totalCount, 1);
    await list.gather(everything, asking);
    assert.equal(coder.counts.list, 1);
  }),
);

test(
  'an answer is listed anew once it is old, and once something was changed',
  withBench(async bench => {
    const { coder, list, desk } = await fleet(bench, { agentsMs: 60_000 });
    coder.add({ id: 'a' });
    await list.page(everything, asking);
    await desk.send(named('a'), input, callOf());
    await list.page(everything, asking);
    assert.equal(coder.counts.list, 2);
  }),
);

test(
  'what was changed by one hub is listed anew by the others',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench, { agentsMs: 60_000 });
    const other = await fleet(bench, { agentsMs: 60_000 });
    coder.add({ id: 'a' });
    await other.list.page(everything, asking);
    await desk.send(named('a'), input, callOf());
    await eventually(async () => {
      await other.list.page(everything, asking);
      return other.coder.counts.list === 2;
    });
  }),
);

test(
  'agents are listed by status, then the last changed first, then id; a cursor reads one snapshot',
  withBench(async bench => {
    const { coder, list } = await fleet(bench);
    const late = '2026-02-01T00:00:00Z';
    coder.add({ id: 'stopped', status: 'stopped' });
    coder.add({ id: 'offline', status: 'offline' });
    coder.add({ id: 'idle-b' });
    coder.add({ id: 'idle-a' });
    coder.add({ id: 'idle-late', updatedAt: late });
    coder.add({ id: 'error', status: 'error' });
    coder.add({ id: 'running', status: 'running' });
    coder.add({ id: 'busy', status: 'busy' });
    const order = ['busy', 'running', 'error', 'idle-late', 'idle-a', 'idle-b', 'offline', 'stopped'];
    const first = await list.page({ ...everything, limit: 3 }, asking);
    assert.equal(first.totalCount, 8);
    for (const id of coder.agents.keys()) coder.become(id, 'busy');
    const second = await list.page({ ...everything, limit: 3, cursor: first.nextCursor ?? '' }, asking);
    const third = await list.page({ ...everything, limit: 3, cursor: second.nextCursor ?? '' }, asking);
    const ids = [first, second, third].flatMap(page => page.agents.map(({ id }) => id));
    assert.deepEqual(ids, order);
    assert.equal(third.nextCursor, null);
    const foreign = list.page({ ...everything, cursor: first.nextCursor ?? '' }, { caller: mallory, signal });
    await assert.rejects(foreign, { code: 'VALIDATION_ERROR' });
  }),
);

test(
  'a provider that fails is a warning, and a failure when there is no other',
  withBench(async bench => {
    const { coder, list } = await fleet(bench);
    coder.failure = new AppError('NETWORK_ERROR', 'Network error: refused');
    const { agents, warnings } = await list.gather(everything, asking);
    assert.deepEqual(agents, []);
    assert.deepEqual(warnings, [{ provider: 'coder', error_code: 'NETWORK_ERROR', error: 'Network error: refused' }]);
    await assert.rejects(list.gather({ ...everything, provider: 'coder' }, asking), { code: 'NETWORK_ERROR' });
    await assert.rejects(list.gather({ ...everything, provider: 'codegen' }, asking), {
      code: 'PROVIDER_NOT_CONFIGURED',
    });
  }),
);

test(
  'failure 5: sending to an offline agent fails at once, and nothing is sent',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a', status: 'offline' });
    await assert.rejects(desk.send(named('a'), input, callOf()), { code: 'AGENT_OFFLINE' });
    const create = { user: 'me', name: 'a', prompt: 'go', provider: 'coder', whenBusy: 'queue' } as const;
    await assert.rejects(desk.create(create, callOf()), { code: 'AGENT_OFFLINE' });
    assert.deepEqual([coder.sent, coder.counts.send, coder.counts.create], [[], 0, 0]);
  }),
);

test(
  'failure 10: queued input arrives once, in order, after the agent is idle, also when the hub restarts in between',
  withBench(async bench => {
    const { coder, desk, hub } = await fleet(bench);
    coder.add({ id: 'a', status: 'busy' });
    for (const text of ['one', 'two', 'three']) {
      const { status, taskId } = await desk.send(named('a'), { ...input, text }, callOf());
      assert.equal(status, 'queued');
      assert.ok(taskId);
    }
    await hub.close();
    coder.become('a', 'idle');
    await bench.hub({ providers: [coder], timing: quick });
    await eventually(() => isDeepStrictEqual(coder.sent, ['a: one', 'a: two', 'a: three']));
    assert.equal((await bench.store.tasks.unfinishedOf('fleet')).length, 0);
  }),
);

test(
  'failure 10: queued input that was cancelled never arrives',
  withBench(async bench => {
    const { coder, desk, hub } = await fleet(bench);
    coder.add({ id: 'a', status: 'busy' });
    const first = await desk.send(named('a'), { ...input, text: 'one' }, callOf());
    await desk.send(named('a'), { ...input, text: 'two' }, callOf());
    const { cancelled } = await hub.tasks.cancel(first.taskId ?? '', 'no', alice);
    assert.equal(cancelled, true);
    coder.become('a', 'idle');
    await eventually(() => isDeepStrictEqual(coder.sent, ['a: two']));
  }),
);

test(
  'two hubs deliver queued input once',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    await bench.hub({ providers: [coder], timing: quick });
    coder.add({ id: 'a', status: 'busy' });
    const texts = Array.from({ length: 10 }, (_, at) => `${at}`);
    for (const text of texts) await desk.send(named('a'), { ...input, text }, callOf());
    coder.become('a', 'idle');
    await eventually(() =>
      isDeepStrictEqual(
        coder.sent,
        texts.map(text => `a: ${text}`),
      ),
    );
  }),
);

test(
  'what was being sent when its hub was lost is interrupted, and not sent again',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench, { sweepMs: 600_000, lookMs: 600_000 });
    coder.add({ id: 'a', status: 'busy' });
    const { taskId = '' } = await desk.send(named('a'), input, callOf());
    assert.equal(await bench.store.tasks.start(taskId, { worker: 'a hub that is gone', epoch: 0, sequence: 0 }), true);
    coder.become('a', 'idle');
    await bench.store.hubs.leave('hub-1');
    await bench.hub({ providers: [coder], timing: quick });
    await eventually(async () => (await bench.store.tasks.get(taskId))?.status === 'interrupted');
    assert.deepEqual(coder.sent, []);
  }),
);

test(
  'input that an agent certainly did not get waits on; of which that is not certain, fails',
  withBench(async bench => {
    const { coder, desk, hub } = await fleet(bench);
    coder.add({ id: 'a', status: 'busy' });
    const first = await desk.send(named('a'), { ...input, text: 'one' }, callOf());
    coder.sending = { error: new AppError('AGENT_NOT_READY', 'not yet'), isDone: false };
    coder.become('a', 'idle');
    await eventually(() => isDeepStrictEqual(coder.sent, ['a: one']));
    assert.equal((await hub.tasks.wait(first.taskId ?? '', 5, callOf())).status, 'completed');
    coder.become('a', 'busy');
    const second = await desk.send(named('a'), { ...input, text: 'two' }, callOf());
    coder.sending = { error: new AppError('NETWORK_ERROR', 'Network error: reset'), isDone: true };
    coder.become('a', 'idle');
    assert.equal((await hub.tasks.wait(second.taskId ?? '', 5, callOf())).status, 'failed');
    const events = await bench.store.events.read('fleet', 0, 10);
    assert.deepEqual(
      events.map(({ type, body }) => [type, body.taskId]),
      [['task_failed', second.taskId]],
    );
  }),
);

test(
  'a paused agent is resumed, and then given the input; or refused, as its caller chooses',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a', status: 'stopped', capabilities: ['logs', 'resume'] });
    await assert.rejects(desk.send(named('a'), { ...input, whenPaused: 'error' }, callOf()), {
      code: 'AGENT_NOT_READY',
    });
    assert.equal((await desk.send(named('a'), input, callOf())).status, 'sent');
    assert.deepEqual([coder.sent, coder.counts.resume], [['a: go on'], 1]);
    coder.add({ id: 'b', status: 'stopped', capabilities: ['logs'] });
    await assert.rejects(desk.send(named('b'), input, callOf()), { code: 'AGENT_OFFLINE' });
  }),
);

test(
  'a busy agent is refused or interrupted, as the caller chooses and it can',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a', status: 'busy' });
    await assert.rejects(desk.send(named('a'), { ...input, whenBusy: 'error' }, callOf()), { code: 'AGENT_BUSY' });
    await assert.rejects(desk.send(named('a'), { ...input, whenBusy: 'interrupt' }, callOf()), {
      code: 'CAPABILITY_UNSUPPORTED',
    });
    coder.become('a', 'busy', { capabilities: ['send_input', 'interrupt'] });
    assert.equal((await desk.send(named('a'), { ...input, whenBusy: 'interrupt' }, callOf())).status, 'sent');
    assert.deepEqual(coder.sent, ['a: go on']);
  }),
);

test(
  'a key sends once, however often the call is repeated',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a' });
    const send = () => desk.send(named('a'), { ...input, idempotencyKey: 'k' }, callOf());
    await Promise.all([send(), send(), send()]);
    assert.deepEqual(coder.sent, ['a: go on']);
  }),
);

test(
  'a creation that its hub died of is found again under its key, and not repeated',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    const request = {
      user: 'me',
      name: 'new',
      prompt: 'go',
      template: 't',
      provider: 'coder',
      whenBusy: 'queue',
      idempotencyKey: 'k',
    } as const;
    // The first hub never hears that the agent was made.
    coder.onCreated = () => new Promise(() => {});
    const lost = desk.create(request, callOf());
    lost.catch(() => {});
    await eventually(() => isDeepStrictEqual(coder.agents.size, 1));
    await bench.store.hubs.leave('hub-1');
    coder.onCreated = async () => {};
    bench.newProcess();
    const second = await bench.hub({ providers: [coder], timing: quick });
    const made = await second.fleet.desk.create(request, callOf());
    assert.deepEqual([made.delivery, made.agent.name], ['created', 'new']);
    assert.deepEqual([coder.counts.create, coder.agents.size, coder.sent], [1, 1, []]);
  }),
);

test(
  'creating where there is such an agent sends it the prompt; without a template it is not found',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a', name: 'mine' });
    const request = { user: 'me', prompt: 'go', provider: 'coder', whenBusy: 'queue' } as const;
    const made = await desk.create({ ...request, name: 'mine' }, callOf());
    assert.deepEqual([made.delivery, coder.sent], ['sent', ['a: go']]);
    await assert.rejects(desk.create({ ...request, name: 'other' }, callOf()), { code: 'WORKSPACE_NOT_FOUND' });
  }),
);

test(
  'deleting a workspace cancels what waits for its agent',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a', status: 'busy', workspaceId: 'w' });
    const { taskId = '' } = await desk.send(named('a'), input, callOf());
    await desk.deleteWorkspace({ id: 'w', provider: 'coder' }, callOf());
    assert.equal((await bench.store.tasks.get(taskId))?.status, 'cancelled');
  }),
);

test(
  'who changed the same agent a moment ago is told of',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    coder.add({ id: 'a' });
    assert.equal((await desk.send(named('a'), input, callOf())).conflict, undefined);
    const { conflict } = await desk.send(named('a'), input, callOf({ caller: mallory }));
    assert.equal(conflict?.caller, 'alice');
    assert.equal(conflict?.operation, 'send_input_to_agent');
  }),
);

test(
  'user me is the owner of the credentials of each provider',
  withBench(async bench => {
    const { coder, list } = await fleet(bench);
    coder.add({ id: 'mine' });
    coder.add({ id: 'theirs', user: 'bob' });
    const of = async (user: string) => (await list.page({ ...everything, user }, asking)).agents.map(({ id }) => id);
    assert.deepEqual([await of('me'), await of('bob'), await of('carol')], [['mine'], ['theirs'], []]);
  }),
);

test(
  'an id is found by its form, by a prefix, and by the provider that is named',
  withBench(async bench => {
    const { coder, desk } = await fleet(bench);
    const uuid = '0b9ce0b4-6d0e-4c53-8f3b-111111111111';
    for (const id of ['by-name', uuid]) coder.add({ id });
    const get = (id: string, provider: 'all' | 'local' | 'coder' | 'codegen' = 'all') =>
      desk.get({ id, user: 'me', provider }, callOf());
    for (const id of ['by-name', 'coder:by-name', uuid]) assert.equal((await get(id)).provider, 'coder');
    for (const [id, provider, code] of [
      ['12345', 'all', 'AGENT_NOT_FOUND'],
      ['12345', 'codegen', 'PROVIDER_NOT_CONFIGURED'],
      ['codegen:12345', 'all', 'PROVIDER_NOT_CONFIGURED'],
      ['coder:by-name', 'local', 'VALIDATION_ERROR'],
      [`local:${uuid}`, 'all', 'AGENT_NOT_FOUND'],
    ] as const)
      await assert.rejects(get(id, provider), { code }, id);
  }),
);
