import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TaskStatus } from '../rows.ts';
import { idsOf, isValidationError, newTask, paged, type Use } from './support.ts';

const at = { worker: 'w1', epoch: 1, sequence: 7 };
const ends = ['completed', 'failed', 'cancelled', 'interrupted'] as const;

export function tasksContract(name: string, use: Use): void {
  describe(`${name}: tasks`, () => {
    it('keeps everything that was inserted, with the time given or the database time', () =>
      use(async ({ store }) => {
        const task = newTask({ progress: { percent: 5 }, sequence: 3, attempts: 2, error: { code: 'X' } });
        assert.deepEqual(await store.tasks.insert(task), task);
        assert.deepEqual(await store.tasks.get(task.id), task);
        const before = await store.now();
        const { createdAt } = await store.tasks.insert(newTask({ createdAt: undefined }));
        assert.ok(createdAt >= before && createdAt <= (await store.now()));
        assert.equal(await store.tasks.get('unknown'), undefined);
        await assert.rejects(store.tasks.insert(task));
      }));

    it('only ever goes from queued to running to one end, whatever is tried', () =>
      use(async ({ store }) => {
        const step = fc.constantFrom('start' as const, ...ends);
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 6 }), async steps => {
            const { id } = await store.tasks.insert(newTask());
            let expected: TaskStatus = 'queued';
            for (const next of steps) {
              const before = await store.tasks.get(id);
              const isOpen: boolean = expected === 'queued' || expected === 'running';
              const isLegal: boolean = next === 'start' ? expected === 'queued' : isOpen;
              const done =
                next === 'start'
                  ? await store.tasks.start(id, at)
                  : await store.tasks.finish(id, { status: next, result: { by: next } });
              assert.equal(done, isLegal);
              if (isLegal) expected = next === 'start' ? 'running' : next;
              const after = await store.tasks.get(id);
              assert.ok(after);
              if (!isLegal) assert.deepEqual(after, before);
              assert.equal(after.status, expected);
              assert.equal(after.completedAt === null, expected === 'queued' || expected === 'running');
              assert.equal(after.startedAt === null, after.sequence === null);
            }
          }),
          { numRuns: 40 },
        );
      }));

    it('is started and ended by exactly one of many that try at once', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const { id } = await store.tasks.insert(newTask());
        const count = async (tries: Promise<boolean | undefined>[]) =>
          (await Promise.all(tries)).filter(Boolean).length;
        const eight = Array.from({ length: 8 }, (_, i) => stores[i % 2]);
        assert.equal(await count(eight.map(async one => one?.tasks.start(id, at))), 1);
        assert.equal(await count(eight.map(async one => one?.tasks.finish(id, { status: 'completed' }))), 1);
      }));

    it('records the start, progress and the end', () =>
      use(async ({ store }) => {
        const { id } = await store.tasks.insert(newTask());
        await store.tasks.start(id, at);
        await store.tasks.update(id, { progress: { percent: 50 }, attempts: 3, worker: undefined });
        await store.tasks.update(id, {});
        await store.tasks.finish(id, { status: 'failed', error: { code: 'DISK_FULL' }, sequence: 8 });
        const task = await store.tasks.get(id);
        assert.ok(task?.startedAt && task.completedAt && task.startedAt <= task.completedAt);
        assert.deepEqual(
          [task.worker, task.epoch, task.sequence, task.progress, task.attempts, task.error, task.result],
          ['w1', 1, 8, { percent: 50 }, 3, { code: 'DISK_FULL' }, null],
        );
      }));

    it('leaves a task that has started to those who run it, where it is to end only in the line', () =>
      use(async ({ store }) => {
        const [waiting, started] = [await store.tasks.insert(newTask()), await store.tasks.insert(newTask())];
        await store.tasks.start(started.id, { worker: 'w1', epoch: 1, sequence: 1 });
        const refused = { status: 'failed', error: { code: 'SANDBOX_DIED' }, onlyIfQueued: true } as const;
        assert.equal(await store.tasks.finish(waiting.id, refused), true);
        assert.equal(await store.tasks.finish(started.id, refused), false);
        assert.equal((await store.tasks.get(started.id))?.status, 'running');
        assert.equal(await store.tasks.finish(started.id, { status: 'completed' }), true);
      }));

    it('ends together with the events that tell of it, or not at all', () =>
      use(async ({ store }) => {
        const { id } = await store.tasks.insert(newTask());
        const announce = [`task:${id}`, 'workspace:ws_1'].map(stream => ({ stream, type: 'task.ended', body: { id } }));
        assert.equal(await store.tasks.finish(id, { status: 'completed', announce }), true);
        assert.equal(await store.tasks.finish(id, { status: 'failed', announce }), false);
        for (const { stream } of announce) assert.equal((await store.events.read(stream, 0, 10)).length, 1);
        // A writer of a later epoch has this stream, so nothing may be told of the end.
        const other = await store.tasks.insert(newTask());
        const events = [{ type: 'note', body: {} }];
        await store.events.append({ stream: 'fenced', epoch: 7, first: 'next', events });
        const refused = { status: 'completed', announce: [{ stream: 'fenced', type: 'x', body: {} }] } as const;
        await assert.rejects(store.tasks.finish(other.id, refused));
        assert.equal((await store.tasks.get(other.id))?.status, 'queued');
      }));

    it('takes many finished runs at once, and the same ones again', () =>
      use(async ({ store }) => {
        const tasks = Array.from({ length: 600 }, (_, i) =>
          newTask({
            status: 'completed',
            result: { text: [`"${i}", {\\}`] },
            sequence: i + 1,
            completedAt: 2000,
            createdAt: i,
          }),
        );
        await store.tasks.insertFinished(tasks);
        await store.tasks.insertFinished(tasks.slice(0, 10));
        await store.tasks.insertFinished([]);
        const listed = await paged(query => store.tasks.list({ ...query, caller: 'alice' }), 200);
        assert.deepEqual(listed, tasks.toReversed());
        assert.equal(await store.tasks.lastSequence('ws_1'), 600);
        assert.equal(await store.tasks.lastSequence('ws_2'), 0);
        assert.equal(await store.tasks.countUnfinished(), 0);
      }));

    it('pages newest first by creation and insertion, within the filters', () =>
      use(async ({ store }) => {
        const inserted = [];
        for (const createdAt of [5, 5, 5, 9, 1, 5]) {
          inserted.push(await store.tasks.insert(newTask({ createdAt })));
        }
        const [a, b, c, newest, oldest, d] = idsOf(inserted);
        await store.tasks.insert(newTask({ caller: 'bob' }));
        await store.tasks.insert(newTask({ toolset: 'other', workspaceId: null, status: 'cancelled' }));
        const list = store.tasks.list;
        const seen = await paged(
          query => list({ ...query, caller: 'alice', toolsets: ['sandbox'] }),
          2,
          () => store.tasks.insert(newTask({ createdAt: 20 })),
        );
        assert.deepEqual(idsOf(seen), [newest, d, c, b, a, oldest]);
        const found = async (query: Partial<Parameters<typeof list>[0]>) =>
          (await list({ caller: 'alice', limit: 50, ...query })).rows.length;
        assert.equal(await found({ toolset: 'other' }), 1);
        assert.equal(await found({ toolsets: [] }), 0);
        assert.equal(await found({ status: 'cancelled' }), 1);
        assert.equal(await found({ workspaceId: 'ws_2' }), 0);
        await assert.rejects(found({ cursor: 'WzFd' }), isValidationError);
      }));

    it('lists the unfinished in order of acceptance', () =>
      use(async ({ store }) => {
        const insert = async (sequence: number | null, workspaceId = 'ws_1') =>
          (await store.tasks.insert(newTask({ sequence, workspaceId }))).id;
        const [late, waiting, early, queued] = [
          await insert(2),
          await insert(null),
          await insert(1),
          await insert(null),
        ];
        const other = await insert(null, 'ws_2');
        const ended = await insert(3);
        await store.tasks.finish(ended, { status: 'cancelled' });
        assert.deepEqual(idsOf(await store.tasks.unfinished('ws_1')), [early, late, waiting, queued]);
        assert.deepEqual(idsOf(await store.tasks.unfinished()), [early, late, waiting, queued, other]);
        assert.equal(await store.tasks.countUnfinished(), 5);
        assert.deepEqual(await store.tasks.countByStatus(), { queued: 5, running: 0 });
        await store.tasks.start(other, { worker: 'wk_1', epoch: 1, sequence: 1 });
        assert.deepEqual(await store.tasks.countByStatus(), { queued: 4, running: 1 });
      }));

    it('prunes what ended before, however much, and never what has not ended', () =>
      use(async ({ store }) => {
        const old = Array.from({ length: 2500 }, () => newTask({ status: 'completed', completedAt: 10 }));
        await store.tasks.insertFinished([...old, newTask({ status: 'failed', completedAt: 20 })]);
        await store.tasks.insert(newTask({ createdAt: 1 }));
        assert.equal(await store.tasks.prune(20), 2500);
        assert.equal((await store.tasks.list({ caller: 'alice', limit: 9 })).rows.length, 2);
      }));
  });
}
