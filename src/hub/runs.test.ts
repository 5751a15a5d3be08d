import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import type { Progress } from '../operations/operation.ts';
import type { Outcome } from '../protocol/jobs.ts';
import { alice, callOf, commandRun, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { completed, type Script } from '../../test/support/scripted-jobs.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

const commandOf = (job: Parameters<Script>[0]): string => (job.kind === 'command' ? String(job.command) : job.kind);

/** `hold` ends when it is told to, `fail` fails, everything else echoes. */
function scriptWithHold() {
  const go = Promise.withResolvers<void>();
  const began = Promise.withResolvers<string>();
  const script: Script = async (job, { commandId }) => {
    const command = commandOf(job);
    if (command === 'hold') {
      began.resolve(commandId);
      await go.promise;
    }
    if (command === 'fail') {
      return { end: { kind: 'failed', error: new AppError('GIT_FAILED', 'no such remote').toShape() } };
    }
    return completed({ said: command });
  };
  return { script, release: () => go.resolve(), began: began.promise };
}

describe('inline runs', () => {
  it(
    'answer with the rendered output and are listed afterwards, in order, without having been written before',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker();
      hub.runs.registerRenderer('plain', ({ end }) => ({
        output: { rendered: end.kind === 'completed' ? (end.output.said ?? null) : null },
        text: ['the text'],
      }));
      const workspace = await newWorkspace(hub);
      const answer = await hub.runs.run(commandRun(workspace, 'one'), callOf());
      assert.deepEqual(answer, { state: 'ended', output: { rendered: 'one' }, text: ['the text'] });
      await hub.runs.run(commandRun(workspace, 'two'), callOf());
      const { rows } = await hub.tasks.list({ limit: 9 }, alice);
      assert.deepEqual(
        rows.map(({ status, sequence }) => [status, sequence]),
        [
          ['completed', 2],
          ['completed', 1],
        ],
      );
      assert.deepEqual(rows[1]?.result, { output: { rendered: 'one' }, text: ['the text'] });
    }),
  );

  it(
    'throw the error of a job that failed, and keep it',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker({ script: scriptWithHold().script });
      const workspace = await newWorkspace(hub);
      await assert.rejects(hub.runs.run(commandRun(workspace, 'fail'), callOf()), {
        code: 'GIT_FAILED',
        message: 'no such remote',
      });
      const [task] = (await hub.tasks.list({ limit: 9 }, alice)).rows;
      assert.equal(task?.status, 'failed');
      assert.equal(task?.error?.message, 'no such remote');
    }),
  );

  it(
    'sent ten at once take effect in order, none dropped',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const workspace = await newWorkspace(hub);
      const numbers = Array.from({ length: 10 }, (_, i) => String(i));
      const answers = await Promise.all(
        numbers.map(n => {
          // A large message travels through a blob and must not be overtaken.
          const padding = n === '3' ? ' '.repeat(300_000) : '';
          const turn = hub.lanes.take(workspace.id);
          return hub.runs.run(commandRun(workspace, n + padding), callOf({ turn }));
        }),
      );
      assert.deepEqual(
        answers.map(answer => answer.state === 'ended' && String(answer.output.said).trim()),
        numbers,
      );
      assert.deepEqual(
        worker.accepted(workspace.id).map(job => commandOf(job).trim()),
        numbers,
      );
    }),
  );

  it(
    'are cancelled on the worker when the caller goes away',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script, began } = scriptWithHold();
      const worker = await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const caller = new AbortController();
      const run = hub.runs.run(commandRun(workspace, 'hold'), callOf({ signal: caller.signal }));
      const commandId = await began;
      caller.abort(new Error('gone'));
      await assert.rejects(run, /gone/);
      const next = await hub.runs.run(commandRun(workspace, 'next'), callOf());
      assert.equal(next.state, 'ended');
      assert.ok(worker.seen.some(({ verb }) => verb === 'run.cancel'));
      assert.equal((await hub.tasks.get(commandId, alice)).status, 'cancelled');
    }),
  );

  it(
    'whose caller is gone before its turn are not sent and hold nobody up',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const workspace = await newWorkspace(hub);
      const [first, second, third] = [1, 2, 3].map(() => hub.lanes.take(workspace.id));
      assert.ok(first && second && third);
      const caller = new AbortController();
      const gone = hub.runs.run(commandRun(workspace, 'gone'), callOf({ turn: second, signal: caller.signal }));
      caller.abort(new Error('gone'));
      await assert.rejects(gone, /gone/);
      second.done();
      first.done();
      await hub.runs.run(commandRun(workspace, 'last'), callOf({ turn: third }));
      assert.deepEqual(worker.accepted(workspace.id).map(commandOf), ['last']);
    }),
  );

  it(
    'fail with SANDBOX_DIED when their worker is lost',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script, began } = scriptWithHold();
      const worker = await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const run = hub.runs.run(commandRun(workspace, 'hold'), callOf());
      await began;
      await hub.workers.remove(worker.id, { force: true });
      await assert.rejects(run, (error: unknown) => hasCode('SANDBOX_DIED')(error));
    }),
  );

  it(
    'report progress while they wait: what the run says, and that it goes on',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { reportMs: 10 } });
      const heard = Promise.withResolvers<void>();
      const reports: Progress[] = [];
      const script: Script = async (_job, { tail, signal }) => {
        const again = setInterval(() => void tail({ percent: 40, message: 'installing' }), 20);
        signal.addEventListener('abort', () => heard.resolve());
        await heard.promise;
        clearInterval(again);
        return completed();
      };
      await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const report = (progress: Progress) => {
        reports.push(progress);
        if (reports.some(({ percent }) => percent === 40) && reports.some(({ stage }) => stage === 'running')) {
          heard.resolve();
        }
      };
      await hub.runs.run(commandRun(workspace, 'slow'), callOf({ report }));
      assert.ok(reports.some(({ message }) => message === 'installing'));
    }),
  );

  it(
    'register what they left, and name the whole of an output that was cut',
    withBench(async bench => {
      const hub = await bench.hub();
      const stored = await bench.blobs.put(Buffer.from('zip'));
      const file = { ...stored, path: 'artifacts/hello-package.zip', contentType: 'application/zip' };
      const whole = { ...stored, path: 'stdout.txt', contentType: 'text/plain' };
      const left: Partial<Outcome> = { artifacts: [file], fullOutput: { stdout: whole } };
      await bench.worker({ script: async () => ({ ...completed(), ...left }) });
      let outputArtifact = '';
      hub.runs.registerRenderer('plain', (_outcome, { outputArtifacts }) => {
        outputArtifact = outputArtifacts.stdout?.id ?? '';
        return { output: {}, text: [] };
      });
      const workspace = await newWorkspace(hub);
      await hub.runs.run(commandRun(workspace, 'zip'), callOf());
      const found = await hub.artifacts.find('hello-package.zip', workspace.id, callOf());
      assert.equal(found.name, 'hello-package.zip');
      assert.equal((await hub.artifacts.find(found.id, undefined, callOf())).sha256, stored.sha256);
      assert.equal((await hub.artifacts.find(outputArtifact, undefined, callOf())).path, 'stdout.txt');
    }),
  );

  it(
    'are found again on a worker that lost the workspace, which takes it on as it was',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const workspace = await newWorkspace(hub);
      await hub.runs.run(commandRun(workspace, 'before'), callOf());
      worker.workspaces.clear();
      const runs = ['a', 'b', 'c'].map(name => hub.runs.run(commandRun(workspace, name), callOf()));
      assert.deepEqual(
        (await Promise.all(runs)).map(run => run.state === 'ended' && run.output.said),
        ['a', 'b', 'c'],
      );
      const held = worker.workspaces.get(workspace.id);
      assert.deepEqual([held?.open.fresh, held?.open.epoch, held?.open.lastSequence], [false, 2, 1]);
      assert.deepEqual(worker.accepted(workspace.id).map(commandOf), ['a', 'b', 'c']);
    }),
  );
});

describe('runs that become tasks', () => {
  it(
    'do so when the wait is over, and end without their caller',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script, release } = scriptWithHold();
      await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const caller = new AbortController();
      const answer = await hub.runs.run(
        commandRun(workspace, 'hold', { waitSeconds: 0.02 }),
        callOf({ signal: caller.signal }),
      );
      assert.equal(answer.state, 'pending');
      assert.ok(answer.state === 'pending');
      assert.equal(answer.task.status, 'running');
      assert.equal(answer.stdout, 'so far');
      caller.abort();
      assert.equal((await hub.workspaces.list({ limit: 5, state: 'busy' }, alice)).total, 1);
      release();
      const task = await hub.tasks.wait(answer.task.id, 30, callOf());
      assert.equal(task.status, 'completed');
      assert.deepEqual(task.result?.output, { said: 'hold' });
      const types = (await hub.events.read(`task:${task.id}`, { after: 0, limit: 9, waitMs: 0 })).map(
        ({ type }) => type,
      );
      assert.deepEqual(types, ['task.queued', 'task.started', 'task.ended']);
    }),
  );

  it(
    'have their row before the worker hears of them, and their start recorded before they start',
    withBench(async bench => {
      const hub = await bench.hub();
      const seen: (string | undefined)[] = [];
      await bench.worker({
        script: async (_job, { commandId }) => {
          seen.push((await bench.store.tasks.get(commandId))?.status);
          return completed();
        },
      });
      const workspace = await newWorkspace(hub);
      const answer = await hub.runs.run(commandRun(workspace, 'x', { waitSeconds: 0 }), callOf());
      assert.ok(answer.state === 'pending');
      assert.equal(answer.task.sequence, 1);
      assert.equal((await hub.tasks.wait(answer.task.id, 30, callOf())).status, 'completed');
      assert.deepEqual(seen, ['running']);
    }),
  );

  it(
    'answer at once when the client asked for a task',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script, release } = scriptWithHold();
      await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const answer = await hub.runs.run(commandRun(workspace, 'hold'), callOf({ wantsTask: true }));
      assert.equal(answer.state, 'pending');
      release();
    }),
  );

  it(
    'run once for an idempotency key, whose repeats get the first answer',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const workspace = await newWorkspace(hub);
      const keyed = (command: string) => commandRun(workspace, command, { idempotencyKey: 'k' });
      const both = await Promise.all([1, 2].map(() => hub.runs.run(keyed('once'), callOf())));
      assert.deepEqual(both[0], both[1]);
      assert.deepEqual(await hub.runs.run(keyed('once'), callOf()), both[0]);
      assert.deepEqual(worker.accepted(workspace.id).map(commandOf), ['once']);
      await assert.rejects(hub.runs.run(keyed('other'), callOf()), hasCode('IDEMPOTENCY_CONFLICT'));
    }),
  );

  it(
    'are refused beyond the cap of the hub, which ended ones do not fill',
    withBench(async bench => {
      const hub = await bench.hub({ config: { tasks: { queue_per_hub: 2 } } });
      const { script, release } = scriptWithHold();
      await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      for (let i = 0; i < 5; i += 1) await hub.runs.run(commandRun(workspace, 'quick'), callOf());
      const tasks = [];
      for (let i = 0; i < 2; i += 1) {
        tasks.push(await hub.runs.run(commandRun(workspace, 'hold', { waitSeconds: 0 }), callOf()));
      }
      await assert.rejects(hub.runs.run(commandRun(workspace, 'more'), callOf()), hasCode('QUEUE_FULL'));
      release();
      for (const answer of tasks) {
        assert.ok(answer.state === 'pending');
        await hub.tasks.wait(answer.task.id, 30, callOf());
      }
      assert.equal((await hub.runs.run(commandRun(workspace, 'more'), callOf())).state, 'ended');
    }),
  );

  it(
    'may number 20,000, one after another: finished ones fill no queue and all are kept',
    withBench(async bench => {
      const count = 20_000;
      const hub = await bench.hub({ config: { tasks: { queue_per_hub: 100 } } });
      await bench.worker();
      const workspace = await newWorkspace(hub);
      for (let done = 0; done < count; done += 50) {
        await Promise.all(Array.from({ length: 50 }, () => hub.runs.run(commandRun(workspace, 'x'), callOf())));
      }
      await hub.tasks.list({ limit: 1 }, alice);
      assert.equal(await bench.store.tasks.lastSequence(workspace.id), count);
      assert.equal(await bench.store.tasks.countUnfinished(), 0);
    }),
  );
});
