import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTask, type Use } from './support.ts';

const record = (id: string, patch: { runId?: number | null; orchestratorRunId?: number | null } = {}) => ({
  id,
  caller: 'alice',
  owner: 'hub',
  runId: null,
  orchestratorRunId: null,
  body: { state: 'active' },
  ...patch,
});

export function codegenContract(name: string, use: Use): void {
  test(`${name}: a task of Codegen gets its run once, and ends once`, () =>
    use(async ({ store: { codegen } }) => {
      const made = await codegen.insert(record('a'));
      assert.equal(made.deliveryState, null);
      assert.equal(await codegen.adopt('a', { runId: 7, body: {} }), true);
      assert.equal(await codegen.adopt('a', { runId: 8, body: {} }), false);
      assert.equal((await codegen.open()).length, 1);
      assert.equal(await codegen.end('a', { state: 'completed' }), true);
      assert.equal(await codegen.end('a', { state: 'failed' }), false);
      assert.equal(await codegen.update('a', { state: 'active' }), false);
      const ended = await codegen.get('a');
      assert.deepEqual([ended?.runId, ended?.body, await codegen.open()], [7, { state: 'completed' }, []]);
    }));

  test(`${name}: the newest task of a run is found, for its caller only`, () =>
    use(async ({ store: { codegen } }) => {
      await codegen.insert(record('a', { runId: 7 }));
      await codegen.insert(record('b', { runId: 7 }));
      await codegen.insert(record('c', { runId: 8 }));
      const found = await codegen.latest('alice', [7, 8, 9]);
      assert.deepEqual(found.map(({ id }) => id).sort(), ['b', 'c']);
      assert.deepEqual(await codegen.latest('bob', [7]), []);
    }));

  test(`${name}: of two that claim the same deliveries one does, and what came of it is kept`, () =>
    use(async ({ store: { codegen } }) => {
      for (const id of ['a', 'b', 'c']) await codegen.insert(record(id, { runId: 1, orchestratorRunId: 5 }));
      await codegen.end('b', {});
      await codegen.end('a', {});
      const waiting = (await codegen.deliveries('waiting')).map(({ id }) => id);
      assert.deepEqual(waiting.sort(), ['a', 'b']);
      const claims = await Promise.all([codegen.claim(['a', 'b'], 'd1'), codegen.claim(['a', 'b'], 'd2')]);
      assert.deepEqual([...claims].sort(), [false, true]);
      const winner = claims[0] ? 'd1' : 'd2';
      assert.equal((await codegen.deliveries('sending')).length, 2);
      await codegen.settle(winner, { state: 'delivered' });
      await codegen.settle(winner, { state: 'unknown', error: 'late' });
      const told = await codegen.get('a');
      assert.deepEqual([told?.deliveryState, told?.deliveryError, told?.deliveryTask], ['delivered', null, winner]);
      await codegen.giveUp(['a', 'c'], 'gone');
      assert.equal((await codegen.get('a'))?.deliveryState, 'delivered');
      assert.equal((await codegen.get('c'))?.deliveryState, 'undeliverable');
      assert.deepEqual(
        (await codegen.children('alice', 5)).map(({ id }) => id),
        ['a', 'b', 'c'],
      );
    }));

  test(`${name}: what belongs to no task is removed once it has ended`, () =>
    use(async ({ store }) => {
      const task = newTask({ workspaceId: null });
      await store.tasks.insert(task);
      for (const id of [task.id, 'gone', 'open']) await store.codegen.insert(record(id));
      for (const id of [task.id, 'gone']) await store.codegen.end(id, {});
      assert.deepEqual(
        (await store.codegen.unsettled()).map(({ id }) => id),
        [task.id],
      );
      assert.equal(await store.codegen.prune(), 1);
      assert.equal(await store.codegen.get('gone'), undefined);
    }));
}
