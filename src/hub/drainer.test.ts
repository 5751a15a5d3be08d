import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { alice, callOf, commandRun, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { completed, type Script } from '../../test/support/scripted-jobs.ts';

const output = {
  manifest: 'a'.repeat(64),
  packs: [],
  sizeBytes: 1,
  fileCount: 1,
  sha256: 'b'.repeat(64),
  installedPackages: [],
};

/** Takes checkpoints; `during` runs while one is taken. */
const saving =
  (during: () => Promise<unknown> = async () => {}): Script =>
  async job => {
    if (job.kind !== 'checkpoint') return completed();
    await during();
    return { end: { kind: 'completed', output } };
  };

describe('a worker that is drained', () => {
  it(
    'keeps a workspace that another hub used after its checkpoint, and gives it away later',
    withBench(async bench => {
      const hub = await bench.hub();
      const other = await bench.hub();
      let uses = 0;
      const workspace = { id: '' };
      // Accepted after the checkpoint was begun, so it is not in it.
      const use = async () => {
        if (uses > 0) return;
        uses += 1;
        const { record } = await other.workspaces.get(workspace.id, alice);
        void other.runs.run(commandRun(record, 'change'), callOf());
        await eventually(() => first.accepted(workspace.id).length === 2);
      };
      const first = await bench.worker({ site: 'there', script: saving(use) });
      workspace.id = (await newWorkspace(hub)).id;
      const second = await bench.worker({ site: 'here', script: saving() });
      // Hubs take turns: so both of them have heard of both.
      for (const worker of [first, second, second, first]) await worker.join();
      await hub.workers.drain(first.id, true);
      await eventually(() => first.seen.some(({ verb }) => verb === 'workspace.release'));
      assert.ok(first.workspaces.has(workspace.id));
      assert.equal((await other.workspaces.get(workspace.id, alice)).record.worker, first.id);
      await hub.workers.drain(first.id, true);
      await eventually(() => second.workspaces.has(workspace.id));
      const { record } = await other.workspaces.get(workspace.id, alice);
      assert.equal(record.worker, second.id);
      assert.equal((await other.runs.run(commandRun(record, 'after'), callOf())).state, 'ended');
      const events = await hub.events.read(`workspace:${workspace.id}`, { after: 0, limit: 50, waitMs: 0 });
      assert.equal(events.filter(({ type }) => type === 'workspace.moved').length, 1);
    }),
  );

  it(
    'gives its workspaces only to workers that have their labels and free slots',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { sweepMs: 20 } });
      const first = await bench.worker({ site: 'a', labels: { zone: 'x' }, script: saving() });
      const plain = await newWorkspace(hub);
      const zoned = await newWorkspace(hub, { labels: { zone: 'x' } });
      const small = await bench.worker({ site: 'b', slots: 1, script: saving() });
      await hub.workers.drain(first.id, true);
      await eventually(() => small.workspaces.size === 1);
      assert.ok(small.workspaces.has(plain.id));
      assert.ok(first.workspaces.has(zoned.id));
      const fitting = await bench.worker({ site: 'c', labels: { zone: 'x' }, script: saving() });
      await eventually(() => fitting.workspaces.has(zoned.id));
      assert.equal(first.workspaces.size, 0);
    }),
  );

  it(
    'is emptied by another hub when the one that began is lost',
    withBench(async bench => {
      const begun = Promise.withResolvers<void>();
      const lost = await bench.hub();
      const first = await bench.worker({
        site: 'a',
        script: saving(async () => {
          begun.resolve();
          await new Promise(resolve => setTimeout(resolve, 50));
        }),
      });
      const workspace = await newWorkspace(lost);
      const second = await bench.worker({ site: 'b', script: saving() });
      await lost.workers.drain(first.id, true);
      await begun.promise;
      const hub = await bench.hub({ timing: { sweepMs: 20 } });
      await lost.close();
      // A hub knows of a worker from its next word.
      await first.join();
      await second.join();
      await eventually(() => second.workspaces.has(workspace.id));
      assert.equal((await hub.workspaces.get(workspace.id, alice)).record.worker, second.id);
    }),
  );
});
