import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTask, type Use } from './support.ts';

export function fleetContract(name: string, use: Use): void {
  test(`${name}: one hub at a time leads, and another takes over when it is gone`, () =>
    use(async ({ store }) => {
      await store.hubs.beat('a', 60);
      await store.hubs.beat('b', 60);
      assert.equal(await store.fleet.lead('a', 60), true);
      assert.equal(await store.fleet.lead('b', 60), false);
      assert.equal(await store.fleet.lead('a', 60), true);
      await store.hubs.leave('a');
      assert.equal(await store.fleet.lead('b', 60), true);
      assert.equal(await store.fleet.lead('c', 0), false);
    }));

  test(`${name}: a lease that ran out is taken from a hub that is alive`, () =>
    use(async ({ store }) => {
      await store.hubs.beat('a', 60);
      assert.equal(await store.fleet.lead('a', 0), true);
      assert.equal(await store.fleet.lead('b', 60), true);
    }));

  test(`${name}: a look and its events are written together, by the hub that leads`, () =>
    use(async ({ store }) => {
      await store.hubs.beat('a', 60);
      await store.fleet.lead('a', 60);
      const looks = new Map([['coder', { x: { status: 'idle' } }]]);
      const events = [{ type: 'agent_connected', body: { agentId: 'x' } }];
      assert.equal(await store.fleet.saveLook('b', { looks, isOverCapacity: true, events }), false);
      assert.deepEqual([...(await store.fleet.looks())], []);
      assert.equal((await store.events.read('fleet', 0, 10)).length, 0);
      assert.equal(await store.fleet.saveLook('a', { looks, isOverCapacity: true, events }), true);
      assert.deepEqual(await store.fleet.looks(), looks);
      assert.equal((await store.fleet.state()).isOverCapacity, true);
      const [event] = await store.events.read('fleet', 0, 10);
      assert.deepEqual(event?.body, { agentId: 'x' });
    }));

  test(`${name}: it is known when the events of the fleet were read last`, () =>
    use(async ({ store }) => {
      assert.equal((await store.fleet.state()).readAgoMs, null);
      await store.fleet.markRead();
      const { readAgoMs } = await store.fleet.state();
      assert.ok(readAgoMs !== null && readAgoMs >= 0 && readAgoMs < 60_000);
    }));

  test(`${name}: a change tells of the last one that another caller made`, () =>
    use(async ({ store }) => {
      const note = (caller: string, agent = 'coder:x') =>
        store.fleet.noteChange({ agent, caller, operation: 'send_input_to_agent' }, { windowSeconds: 30 });
      assert.equal(await note('alice'), undefined);
      assert.equal(await note('alice'), undefined);
      assert.equal((await note('bob'))?.caller, 'alice');
      assert.equal(await note('bob', 'coder:y'), undefined);
      assert.equal((await note('carol'))?.caller, 'bob');
      const late = { agent: 'coder:x', caller: 'dave', operation: 'delete_agent_workspace' };
      assert.equal(await store.fleet.noteChange(late, { windowSeconds: -1 }), undefined);
    }));

  test(`${name}: a task that was started without effect waits again, and one that ended does not`, () =>
    use(async ({ store }) => {
      const own = {
        toolset: 'fleet',
        workspaceId: null,
        status: 'queued' as const,
        completedAt: null,
        startedAt: null,
      };
      const first = await store.tasks.insert(newTask(own));
      const second = await store.tasks.insert(newTask(own));
      await store.tasks.insert(newTask({ ...own, toolset: 'sandbox' }));
      const ids = async () => (await store.tasks.unfinishedOf('fleet')).map(({ id }) => id);
      assert.deepEqual(await ids(), [first.id, second.id]);
      assert.equal(await store.tasks.putBack(first.id), false);
      assert.equal(await store.tasks.start(first.id, { worker: 'hub-1', epoch: 0, sequence: 0 }), true);
      assert.equal(await store.tasks.putBack(first.id), true);
      assert.equal((await store.tasks.get(first.id))?.status, 'queued');
      await store.tasks.finish(first.id, { status: 'cancelled' });
      assert.equal(await store.tasks.putBack(first.id), false);
      assert.deepEqual(await ids(), [second.id]);
    }));
}
