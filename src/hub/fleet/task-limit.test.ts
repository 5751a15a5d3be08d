import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alice, callOf, mallory, withBench } from '../../../test/support/hub-under-test.ts';
import { MemoryProvider } from '../../../test/support/memory-provider.ts';

const limits = { tasks: 1 };
const input = { text: 'go on', whenBusy: 'queue', whenPaused: 'resume' } as const;
const named = { id: 'a', user: 'me', provider: 'coder' } as const;
const request = {
  ...named,
  ...{ name: 'new', prompt: 'go', template: 't', idempotencyKey: 'k' },
  whenBusy: 'queue',
} as const;
const isOver = { code: 'CAPACITY_EXCEEDED', message: 'you have 1 tasks, which is your limit' };

test(
  'input that waits for an agent counts against the tasks of its caller, and one too many is neither kept nor sent',
  withBench(async bench => {
    const coder = new MemoryProvider();
    coder.add({ id: 'a', status: 'busy' });
    const { fleet, tasks } = await bench.hub({ providers: [coder], config: { limits } });
    const first = await fleet.desk.send(named, input, callOf());
    assert.equal(first.status, 'queued');
    await assert.rejects(fleet.desk.send(named, input, callOf()), isOver);
    assert.equal((await fleet.desk.send(named, input, callOf({ caller: mallory }))).status, 'queued');
    await tasks.cancel(first.taskId ?? '', 'not needed', alice);
    assert.equal((await fleet.desk.send(named, input, callOf())).status, 'queued');
    assert.deepEqual(coder.sent, []);
  }),
);

test(
  'the creation of an agent that is written down counts against them, and one too many makes no agent',
  withBench(async bench => {
    const coder = new MemoryProvider();
    coder.add({ id: 'a', status: 'busy' });
    const { fleet, tasks } = await bench.hub({ providers: [coder], config: { limits } });
    const waits = await fleet.desk.send(named, input, callOf());
    await assert.rejects(fleet.desk.create(request, callOf()), isOver);
    assert.equal(coder.counts.create, 0);
    await tasks.cancel(waits.taskId ?? '', 'not needed', alice);
    assert.equal((await fleet.desk.create(request, callOf())).delivery, 'created');
    // It has ended, so there is room for another.
    assert.equal(
      (await fleet.desk.create({ ...request, name: 'other', idempotencyKey: 'l' }, callOf())).delivery,
      'created',
    );
  }),
);
