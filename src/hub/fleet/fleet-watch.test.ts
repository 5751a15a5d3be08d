import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '../../../test/support/eventually.ts';
import { type Bench, withBench } from '../../../test/support/hub-under-test.ts';
import { MemoryProvider } from '../../../test/support/memory-provider.ts';
import { AppError } from '../../errors/app-error.ts';

const quick = { lookMs: 10, sweepMs: 20, agentsMs: 20 };

async function watched(bench: Bench) {
  const coder = new MemoryProvider();
  coder.add({ id: 'a' });
  // One busy agent of one would be a full fleet.
  coder.add({ id: 'z' });
  const hub = await bench.hub({ providers: [coder], timing: quick });
  await hub.fleet.read();
  await eventually(async () => (await bench.store.fleet.looks()).has('coder'));
  const types = async () => (await bench.store.events.read('fleet', 0, 100)).map(({ type }) => type);
  const told = (...expected: string[]) => eventually(async () => isDeepStrictEqual(await types(), expected));
  return { coder, hub, told, types };
}

/** So that what would be told has been. */
async function looksPass(coder: MemoryProvider): Promise<void> {
  const before = coder.counts.list;
  await eventually(() => coder.counts.list > before + 3);
}

test(
  'the first look tells nothing; each change after it is told once, also with two hubs',
  withBench(async bench => {
    const { coder, told, types } = await watched(bench);
    await bench.hub({ providers: [coder], timing: quick });
    assert.deepEqual(await types(), []);
    coder.become('a', 'busy');
    await looksPass(coder);
    coder.become('a', 'idle');
    await told('task_completed');
    coder.add({ id: 'b', status: 'error' });
    await told('task_completed', 'agent_connected');
    coder.agents.delete('b');
    await told('task_completed', 'agent_connected', 'agent_disconnected');
    await looksPass(coder);
    assert.equal((await types()).length, 3);
  }),
);

test(
  'after a restart nothing is told again, and what changed meanwhile is',
  withBench(async bench => {
    const { coder, hub, told } = await watched(bench);
    coder.add({ id: 'b' });
    await told('agent_connected');
    await hub.close();
    coder.become('a', 'error');
    await bench.hub({ providers: [coder], timing: quick });
    await told('agent_connected', 'agent_failure');
    await looksPass(coder);
    await told('agent_connected', 'agent_failure');
  }),
);

test(
  'a provider that cannot be listed has lost no agents',
  withBench(async bench => {
    const { coder, told, types } = await watched(bench);
    coder.failure = new AppError('NETWORK_ERROR', 'Network error: refused');
    await looksPass(coder);
    assert.deepEqual(await types(), []);
    coder.failure = undefined;
    coder.become('a', 'error');
    await told('agent_failure');
  }),
);

test(
  'an agent that is listed no more and is still there is not told to be gone',
  withBench(async bench => {
    const { coder, types } = await watched(bench);
    const list = coder.list.bind(coder);
    coder.list = async () => (await list()).filter(({ id }) => id !== 'a');
    await looksPass(coder);
    assert.deepEqual(await types(), []);
    const asked = coder.counts.get;
    await looksPass(coder);
    assert.equal(coder.counts.get, asked);
  }),
);

test(
  'nobody reads, nothing waits: providers are left alone',
  withBench(async bench => {
    const coder = new MemoryProvider();
    const hub = await bench.hub({ providers: [coder], timing: quick });
    await eventually(async () => (await bench.store.hubs.live()).length === 1);
    await hub.close();
    assert.equal(coder.counts.list, 0);
  }),
);

test(
  'with fleet.watch providers are watched though nobody reads',
  withBench(async bench => {
    const coder = new MemoryProvider();
    await bench.hub({ providers: [coder], timing: quick, config: { fleet: { watch: true } } });
    await eventually(() => coder.counts.list > 2);
  }),
);
