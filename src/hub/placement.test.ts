import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newWorkspace, withBench } from '../../test/support/hub-under-test.ts';

describe('choosing workers', () => {
  it(
    'spreads six that are made at once over two workers, three and three',
    withBench(async bench => {
      const hub = await bench.hub();
      const [one, two] = [await bench.worker(), await bench.worker()];
      await Promise.all(Array.from({ length: 6 }, () => newWorkspace(hub)));
      assert.deepEqual([one.workspaces.size, two.workspaces.size], [3, 3]);
    }),
  );

  it(
    'spreads them also over workers that only another hub has heard yet',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.hub();
      // Hubs take turns: each has heard one of them.
      const [one, two] = [await bench.worker(), await bench.worker()];
      for (let made = 0; made < 4; made += 1) await newWorkspace(hub);
      assert.deepEqual([one.workspaces.size, two.workspaces.size], [2, 2]);
    }),
  );

  it(
    'passes over a worker that only another process reaches',
    withBench(async bench => {
      await bench.hub();
      await bench.worker({ id: 'elsewhere', slots: 50 });
      bench.newProcess();
      const hub = await bench.hub();
      await bench.worker({ id: 'here', slots: 1 });
      assert.equal((await newWorkspace(hub)).worker, 'here');
      await assert.rejects(newWorkspace(hub), { code: 'CAPACITY_EXCEEDED' });
      assert.deepEqual([...(await bench.store.workers.slotsUsed())].sort(), [
        ['elsewhere', 0],
        ['here', 1],
      ]);
    }),
  );
});
