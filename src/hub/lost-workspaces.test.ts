import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { alice, type Bench, callOf, commandRun, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { completed, type Script } from '../../test/support/scripted-jobs.ts';
import type { ScriptedWorker } from '../../test/support/scripted-worker.ts';
import type { EventRecord, WorkspaceRecord } from '../store/rows.ts';

const hash = (digit: string): string => digit.repeat(64);
const saved = (digit: string) => ({
  manifest: hash(digit),
  packs: [],
  sizeBytes: 1,
  fileCount: 1,
  sha256: hash(digit),
  installedPackages: [],
});
const timing = { leaseSeconds: 1, reapMs: 20 };

/** Jobs end at once, but `hold`, which never does; a manifest of sixes is damaged. */
const script: Script = async (job, { signal }) => {
  if (job.kind === 'command' && job.command === 'hold') {
    await new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
  if (job.kind === 'restore' && job.manifest === hash('6')) {
    const error = { code: 'CHECKPOINT_NOT_FOUND', message: 'damaged', hint: '', retryable: false, details: {} };
    return { end: { kind: 'failed', error } };
  }
  return completed();
};

/** The hubs of a bench learn of beats from workers only; scripted ones send none. */
const keepAlive = (bench: Bench, { id, boot }: ScriptedWorker) => bench.store.workers.beat([{ id, boot }], 60);
const take = (
  worker: ScriptedWorker,
  workspace: WorkspaceRecord,
  part: { digit: string; epoch?: number; sequence?: number },
) =>
  worker.checkpointTaken(workspace.id, {
    epoch: part.epoch ?? 1,
    checkpointId: `cp_${part.digit}`,
    sequence: part.sequence ?? 0,
    parent: null,
    output: saved(part.digit),
  });
const eventsOf = async (bench: Bench, { id }: WorkspaceRecord, type: string): Promise<EventRecord[]> =>
  (await bench.store.events.read(`workspace:${id}`, 0, 100)).filter(event => event.type === type);

describe('workspaces of a worker that was lost', () => {
  it(
    'are given to another one without being asked for, and an event says what was lost',
    withBench(async bench => {
      const hub = await bench.hub({ timing });
      const first = await bench.worker({ script, site: 'there' });
      const workspace = await newWorkspace(hub);
      await hub.runs.run(commandRun(workspace, 'kept'), callOf());
      assert.deepEqual(await take(first, workspace, { digit: 'a', sequence: 1 }), { isKept: true });
      const task = await hub.runs.run(commandRun(workspace, 'lost', { waitSeconds: 0 }), callOf());
      assert.ok(task.state === 'pending');
      await eventually(async () => (await hub.tasks.get(task.task.id, alice)).status === 'completed');
      const second = await bench.worker({ script, site: 'here' });
      await keepAlive(bench, second);
      await first.crash();
      await eventually(() => second.workspaces.has(workspace.id));
      await eventually(async () => (await eventsOf(bench, workspace, 'workspace.recovered')).length > 0);
      const [event] = await eventsOf(bench, workspace, 'workspace.recovered');
      const { checkpoint_at, lost_since, last_activity_at, lost_tasks, ...said } = event?.body ?? {};
      assert.deepEqual(said, {
        workspace_id: workspace.id,
        from_epoch: 1,
        to_epoch: 2,
        checkpoint_id: 'cp_a',
        lost_after_sequence: 1,
      });
      assert.equal(checkpoint_at, lost_since);
      assert.deepEqual(lost_tasks, [
        { task_id: task.task.id, operation: 'run_command', sequence: 2, status: 'completed' },
      ]);
      assert.equal((await hub.runs.run(commandRun(workspace, 'on'), callOf())).state, 'ended');
      assert.deepEqual((await hub.workspaces.get(workspace.id, alice)).checkpoints, []);
    }),
  );

  it(
    'are filled from an older checkpoint when the contents of the newest are damaged',
    withBench(async bench => {
      const hub = await bench.hub({ timing });
      const first = await bench.worker({ script, site: 'there' });
      const workspace = await newWorkspace(hub);
      for (const digit of ['a', '6']) await take(first, workspace, { digit });
      const second = await bench.worker({ script, site: 'here' });
      await keepAlive(bench, second);
      await first.crash();
      await eventually(async () => (await eventsOf(bench, workspace, 'workspace.recovered')).length > 0);
      const [event] = await eventsOf(bench, workspace, 'workspace.recovered');
      assert.deepEqual([event?.body.checkpoint_id, event?.body.from_epoch], ['cp_a', 1]);
    }),
  );

  it(
    'are not taken from a worker that is late while nobody has reaped it; calls for them may be repeated',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { leaseSeconds: 600 } });
      const first = await bench.worker({ script, site: 'there' });
      const workspace = await newWorkspace(hub);
      await take(first, workspace, { digit: 'a' });
      const second = await bench.worker({ script, site: 'here' });
      await bench.store.workers.beat([{ id: first.id, boot: first.boot }], 0);
      await first.crash();
      await assert.rejects(hub.runs.run(commandRun(workspace, 'x'), callOf()), (error: unknown) => {
        const { code, retryable, details } = Object(error);
        assert.deepEqual([code, retryable, details.retry_after_seconds], ['NO_WORKER_AVAILABLE', true, 2]);
        return true;
      });
      assert.ok(!second.workspaces.has(workspace.id));
    }),
  );
});

describe('a worker that does not hold a workspace', () => {
  it(
    'can neither end its tasks nor add checkpoints to it',
    withBench(async bench => {
      const hub = await bench.hub();
      const holder = await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const answer = await hub.runs.run(commandRun(workspace, 'hold', { waitSeconds: 0 }), callOf());
      assert.ok(answer.state === 'pending');
      await eventually(async () => (await hub.tasks.get(answer.task.id, alice)).status === 'running');
      const other = await bench.worker({ script, site: 'elsewhere' });
      const outcome = {
        sequence: 1,
        startedAt: 1,
        endedAt: 2,
        generation: 1,
        artifacts: [],
        fullOutput: {},
        ...completed(),
      };
      for (const epoch of [1, 2, 99]) await other.ended(workspace.id, { epoch, commandId: answer.task.id, outcome });
      assert.equal((await hub.tasks.get(answer.task.id, alice)).status, 'running');
      assert.deepEqual(await take(other, workspace, { digit: 'a' }), { isKept: false });
      assert.deepEqual(await take(holder, workspace, { digit: 'a', epoch: 2 }), { isKept: false });
      assert.deepEqual(await take(holder, workspace, { digit: 'a' }), { isKept: true });
      await hub.tasks.cancel(answer.task.id, 'enough', alice);
    }),
  );
});
