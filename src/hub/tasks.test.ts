import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import type { Outcome } from '../protocol/jobs.ts';
import type { Hub } from './hub.ts';
import { alice, type Bench, callOf, commandRun, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { eventually } from '../../test/support/eventually.ts';
import { completed, type Script } from '../../test/support/scripted-jobs.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

/** Ends only when it is aborted. */
const endless: Script = () => new Promise(() => {});

const outcome: Outcome = {
  sequence: 1,
  startedAt: 1,
  endedAt: 2,
  generation: 1,
  artifacts: [],
  fullOutput: {},
  end: { kind: 'completed', output: { said: 'late' } },
};

async function taskOf(hub: Hub, workspace: Awaited<ReturnType<typeof newWorkspace>>, command = 'x') {
  const answer = await hub.runs.run(commandRun(workspace, command, { waitSeconds: 0 }), callOf());
  assert.ok(answer.state === 'pending');
  return answer.task;
}

const statusOf = async (bench: Bench, id: string) => (await bench.store.tasks.get(id))?.status;

describe('cancelling tasks', () => {
  it(
    'kills a running one and never starts a queued one',
    withBench(async bench => {
      const hub = await bench.hub();
      const started: string[] = [];
      await bench.worker({
        script: (job, running) => {
          started.push(running.commandId);
          return endless(job, running);
        },
      });
      const workspace = await newWorkspace(hub);
      const [running, queued] = [await taskOf(hub, workspace), await taskOf(hub, workspace)];
      await eventually(async () => (await statusOf(bench, running.id)) === 'running');
      const stopped = await hub.tasks.cancel(queued.id, 'not needed', alice);
      assert.deepEqual([stopped.cancelled, stopped.task.status], [true, 'cancelled']);
      const killed = await hub.tasks.cancel(running.id, 'not needed', alice);
      assert.deepEqual([killed.cancelled, killed.task.status], [true, 'cancelled']);
      assert.equal(killed.task.error?.message, `Task ${running.id} was cancelled`);
      const again = await hub.tasks.cancel(running.id, 'again', alice);
      assert.deepEqual([again.cancelled, again.task.status], [false, 'cancelled']);
      assert.deepEqual(started, [running.id]);
    }),
  );

  it(
    'refuses the start of a task that was cancelled, and ignores its end',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker({ script: endless });
      const workspace = await newWorkspace(hub);
      await taskOf(hub, workspace);
      const { id } = await taskOf(hub, workspace);
      await hub.tasks.cancel(id, 'no', alice);
      assert.deepEqual(await worker.started(workspace.id, { epoch: 1, commandId: id, sequence: 2 }), {
        mayStart: false,
      });
      await worker.ended(workspace.id, { epoch: 1, commandId: id, outcome });
      assert.equal(await statusOf(bench, id), 'cancelled');
    }),
  );

  it(
    'ends every task of a workspace that is deleted, and tells those who wait',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker({ script: endless });
      const workspace = await newWorkspace(hub);
      const tasks = [await taskOf(hub, workspace), await taskOf(hub, workspace)];
      const inline = hub.runs.run(commandRun(workspace, 'inline'), callOf());
      const ended = assert.rejects(inline, hasCode('TASK_CANCELLED'));
      const waiting = hub.tasks.wait(tasks[1]?.id ?? '', 60, callOf());
      await hub.workspaces.delete(workspace.id, alice);
      assert.equal((await waiting).status, 'cancelled');
      assert.equal(await statusOf(bench, tasks[0]?.id ?? ''), 'cancelled');
      await ended;
    }),
  );
});

describe('what workers report', () => {
  it(
    'is recorded once: a repeated end changes nothing and is acknowledged',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker({ script: async () => completed({ said: 'first' }) });
      const workspace = await newWorkspace(hub);
      const { id } = await taskOf(hub, workspace);
      await hub.tasks.wait(id, 30, callOf());
      const told = { epoch: 1, commandId: id, outcome };
      await Promise.all([worker.ended(workspace.id, told), worker.ended(workspace.id, told)]);
      assert.deepEqual((await hub.tasks.get(id, alice)).result?.output, { said: 'first' });
      const events = await hub.events.read(`task:${id}`, { after: 0, limit: 99, waitMs: 0 });
      assert.equal(events.filter(({ type }) => type === 'task.ended').length, 1);
    }),
  );

  it(
    'allows a start once, says the same to a resend, and nothing to another worker or an old epoch',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker({ script: endless });
      const other = await bench.worker();
      await hub.workers.drain(other.id, true);
      const workspace = await newWorkspace(hub);
      await taskOf(hub, workspace);
      const { id } = await taskOf(hub, workspace);
      const ask = { epoch: 1, commandId: id, sequence: 2 };
      assert.deepEqual(await other.started(workspace.id, ask), { mayStart: false });
      assert.deepEqual(await worker.started(workspace.id, { ...ask, epoch: 0 }), { mayStart: false });
      assert.deepEqual(await worker.started(workspace.id, ask), { mayStart: true });
      assert.deepEqual(await worker.started(workspace.id, ask), { mayStart: true });
      assert.deepEqual(await worker.started(workspace.id, { ...ask, sequence: 3 }), { mayStart: false });
    }),
  );

  it(
    'reaches those who follow the task, output and progress before the end',
    withBench(async bench => {
      const hub = await bench.hub();
      const script: Script = async (_job, { tail }) => {
        await tail({ stdout: 'line 1\n', percent: 50, message: 'half' });
        return completed();
      };
      await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const { id } = await taskOf(hub, workspace);
      const types: string[] = [];
      const reader = new AbortController();
      for await (const { type } of hub.events.follow(`task:${id}`, { after: 0, signal: reader.signal })) {
        types.push(type);
        if (type === 'task.ended') reader.abort();
      }
      assert.deepEqual(types, ['task.queued', 'task.started', 'task.output', 'task.progress', 'task.ended']);
      assert.deepEqual((await hub.tasks.get(id, alice)).progress, { percent: 50, message: 'half' });
    }),
  );
});

describe('a restart', () => {
  it(
    'of the hub keeps tasks, results and their order; an end that came in between is recorded',
    withBench(async bench => {
      const hub = await bench.hub();
      const go = Promise.withResolvers<void>();
      await bench.worker({
        script: async job => {
          await go.promise;
          return completed({ said: job.kind === 'command' ? String(job.command) : '' });
        },
      });
      const workspace = await newWorkspace(hub);
      const tasks = [await taskOf(hub, workspace, 'a'), await taskOf(hub, workspace, 'b')];
      await hub.close();
      go.resolve();
      const next = await bench.hub();
      const ended = await Promise.all(tasks.map(({ id }) => next.tasks.wait(id, 30, callOf())));
      assert.deepEqual(
        ended.map(({ status, sequence }) => [status, sequence]),
        [
          ['completed', 1],
          ['completed', 2],
        ],
      );
      const { rows } = await next.tasks.list({ limit: 9 }, alice);
      assert.deepEqual(
        rows.map(({ id }) => id),
        tasks.map(({ id }) => id).reverse(),
      );
    }),
  );

  it(
    'of everything interrupts what was running and places the rest again, in order, on the files that are there',
    withBench(async bench => {
      const hub = await bench.hub();
      const first = await bench.worker({ script: endless });
      const workspace = await newWorkspace(hub);
      const running = await taskOf(hub, workspace, 'running');
      const queued = [await taskOf(hub, workspace, 'q1'), await taskOf(hub, workspace, 'q2')];
      await eventually(async () => (await statusOf(bench, running.id)) === 'running');
      await first.leave();
      await hub.close();
      bench.newProcess();
      const next = await bench.hub();
      const second = await bench.worker({ id: 'after' });
      const lost = await next.tasks.wait(running.id, 30, callOf());
      assert.equal(lost.status, 'interrupted');
      assert.equal(lost.error?.code, 'TASK_INTERRUPTED');
      for (const { id } of queued) assert.equal((await next.tasks.wait(id, 30, callOf())).status, 'completed');
      assert.deepEqual(
        second.accepted(workspace.id).map(job => (job.kind === 'command' ? job.command : '')),
        ['q1', 'q2'],
      );
      const held = second.workspaces.get(workspace.id);
      assert.deepEqual([held?.open.fresh, held?.open.epoch], [false, 2]);
    }),
  );

  it(
    'after which no worker comes back ends queued tasks instead of keeping them for ever',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker({ script: endless });
      const workspace = await newWorkspace(hub);
      const running = await taskOf(hub, workspace);
      const queued = await taskOf(hub, workspace);
      await eventually(async () => (await statusOf(bench, running.id)) === 'running');
      await worker.leave();
      const task = await hub.tasks.wait(queued.id, 30, callOf());
      assert.deepEqual([task.status, task.attempts, task.error?.code], ['failed', 3, 'SANDBOX_DIED']);
      assert.equal(await statusOf(bench, running.id), 'interrupted');
    }),
  );

  it(
    'of a worker under its own name interrupts what its last boot was running',
    withBench(async bench => {
      const hub = await bench.hub();
      const first = await bench.worker({ id: 'w', script: endless });
      const workspace = await newWorkspace(hub);
      const running = await taskOf(hub, workspace);
      const queued = await taskOf(hub, workspace);
      await eventually(async () => (await statusOf(bench, running.id)) === 'running');
      await first.crash();
      await bench.worker({ id: 'w' });
      assert.equal((await hub.tasks.wait(running.id, 30, callOf())).status, 'interrupted');
      assert.equal((await hub.tasks.wait(queued.id, 30, callOf())).status, 'completed');
    }),
  );
});
