import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '../../../test/support/eventually.ts';
import { callOf, withBench } from '../../../test/support/hub-under-test.ts';
import { MemoryProvider } from '../../../test/support/memory-provider.ts';
import { uncertain } from './errors.ts';

const key = { idempotencyKey: 'k' } as const;
const input = { text: 'go on', whenBusy: 'queue', whenPaused: 'resume', ...key } as const;
const named = { id: 'a', user: 'me', provider: 'coder' } as const;
const request = {
  user: 'me',
  name: 'new',
  prompt: 'go',
  template: 't',
  provider: 'coder',
  whenBusy: 'queue',
  ...key,
} as const;
const lost = () => uncertain('NETWORK_ERROR', 'Network error: connection reset');

test(
  'input of which it is not known whether it arrived is not sent again under its key, however often it is repeated',
  withBench(async bench => {
    const coder = new MemoryProvider();
    coder.add({ id: 'a' });
    const hubs = [await bench.hub({ providers: [coder] }), await bench.hub({ providers: [coder] })];
    coder.sending = { error: lost(), isDone: true };
    for (const hub of [...hubs, ...hubs])
      await assert.rejects(hub.fleet.desk.send(named, input, callOf()), { code: 'NETWORK_ERROR' });
    assert.deepEqual([coder.sent, coder.counts.send], [['a: go on'], 1]);
    const other = await hubs[0]?.fleet.desk.send(named, { ...input, idempotencyKey: 'another' }, callOf());
    assert.equal(other?.status, 'sent');
  }),
);

test(
  'a creation of which it is not known whether it was made is looked for by the repeat of its key',
  withBench(async bench => {
    const coder = new MemoryProvider();
    const { fleet } = await bench.hub({ providers: [coder] });
    coder.onCreated = async () => {
      throw lost();
    };
    await assert.rejects(fleet.desk.create(request, callOf()), { code: 'NETWORK_ERROR' });
    const made = await fleet.desk.create(request, callOf());
    assert.deepEqual([made.delivery, made.agent.name], ['created', 'new']);
    assert.deepEqual([coder.counts.create, coder.agents.size, coder.sent], [1, 1, []]);
    assert.deepEqual(await fleet.desk.create(request, callOf()), made);
  }),
);

test(
  'a caller that leaves while its creation is made finds it under the same key',
  withBench(async bench => {
    const coder = new MemoryProvider();
    const { fleet } = await bench.hub({ providers: [coder] });
    const gone = new AbortController();
    coder.onCreated = () =>
      new Promise((_, reject) => {
        gone.signal.addEventListener('abort', () => reject(gone.signal.reason));
      });
    const first = fleet.desk.create(request, callOf({ signal: gone.signal }));
    first.catch(() => {});
    await eventually(() => isDeepStrictEqual(coder.agents.size, 1));
    gone.abort();
    await assert.rejects(first, { code: 'NETWORK_ERROR' });
    coder.onCreated = async () => {};
    assert.equal((await fleet.desk.create(request, callOf())).delivery, 'created');
    assert.deepEqual([coder.counts.create, coder.sent], [1, []]);
  }),
);

test(
  'a refusal leaves the key free',
  withBench(async bench => {
    const coder = new MemoryProvider();
    coder.add({ id: 'a', status: 'offline' });
    const { fleet } = await bench.hub({ providers: [coder] });
    await assert.rejects(fleet.desk.send(named, input, callOf()), { code: 'AGENT_OFFLINE' });
    coder.become('a', 'idle');
    assert.equal((await fleet.desk.send(named, input, callOf())).status, 'sent');
  }),
);
