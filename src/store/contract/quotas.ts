import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../errors/app-error.ts';
import { newId, newTaskId } from '../../ids/ids.ts';
import type { NewAgentSession } from '../agents/store.ts';
import { inserted, newArtifact, newCheckpoint, newTask, newWorkspace, type Use } from './support.ts';

const isOver = (limit: string) => (error: unknown) =>
  error instanceof AppError && error.code === 'CAPACITY_EXCEEDED' && error.details.limit === limit;

const newSession = (patch: Partial<NewAgentSession> = {}): NewAgentSession => ({
  ...{ id: newTaskId(), caller: 'alice', agent: 'scripted', agentSessionId: null, worker: 'w1', workspaceId: null },
  ...{ slug: 's', cwd: '/', title: '', model: null, permissionMode: 'default', status: 'starting', parentId: null },
  ...{ forkedFrom: null, atMessageId: null, usage: {}, messageCount: 0, metadata: {} },
  ...patch,
});

const newUpload = (sizeBytes: number, caller = 'alice') => ({
  ...{ id: newId('up'), caller, sessionId: 's', name: 'a', contentType: 'text/plain', sha256: 'f'.repeat(64) },
  sizeBytes,
});

export function quotasContract(name: string, use: Use): void {
  test(`${name}: a caller gets no more workspaces than it may have, however many ask at once`, () =>
    use(async ({ store }) => {
      await inserted(store, { caller: 'bob' });
      const options = { slots: 1000, perCaller: 2 };
      const asked = Array.from({ length: 5 }, () => store.workspaces.insert(newWorkspace(), options));
      const answers = await Promise.allSettled(asked);
      assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 2);
      await assert.rejects(store.workspaces.insert(newWorkspace(), options), isOver('workspaces'));
      await store.workspaces.insert(newWorkspace({ caller: 'carol' }), options);
    }));

  test(`${name}: a caller gets no more tasks that have not ended than it may have`, () =>
    use(async ({ store }) => {
      const first = await store.tasks.insert(newTask(), { perCaller: 1 });
      await assert.rejects(store.tasks.insert(newTask(), { perCaller: 1 }), isOver('tasks'));
      await store.tasks.insert(newTask({ caller: 'bob' }), { perCaller: 1 });
      await store.tasks.finish(first.id, { status: 'cancelled' });
      await store.tasks.insert(newTask(), { perCaller: 1 });
      await store.tasks.insert(newTask());
    }));

  test(`${name}: a run of Codegen is one of its caller's tasks, and is not there when that is one too many`, () =>
    use(async ({ store }) => {
      const insert = (caller = 'alice') => {
        const task = newTask({ caller, workspaceId: null, status: 'running' });
        const record = { id: task.id, caller, owner: 'hub', runId: null, orchestratorRunId: null, body: {} };
        return store.codegen.insert(record, { task, perCaller: 2 });
      };
      const answers = await Promise.allSettled([insert(), insert(), insert(), insert()]);
      assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 2);
      await assert.rejects(insert(), isOver('tasks'));
      await assert.rejects(store.tasks.insert(newTask(), { perCaller: 2 }), isOver('tasks'));
      const open = await store.codegen.open();
      assert.equal(open.length, 2);
      for (const { id } of open) assert.equal((await store.tasks.get(id))?.status, 'running');
      await insert('bob');
      await store.tasks.finish(open[0]?.id ?? '', { status: 'completed' });
      await insert();
    }));

  test(`${name}: a caller has no more live sessions than it may have, new ones and ones that go on`, () =>
    use(async ({ store: { sessions } }) => {
      const parked = await sessions.insert(newSession({ status: 'parked' }), { perCaller: 1 });
      const live = await sessions.insert(newSession(), { perCaller: 1 });
      await assert.rejects(sessions.insert(newSession(), { perCaller: 1 }), isOver('sessions'));
      const goOn = () => sessions.claim(parked.id, { epoch: 1 }, { worker: 'w1' }, { perCaller: 1 });
      await assert.rejects(goOn(), isOver('sessions'));
      assert.equal((await sessions.claim(live.id, { epoch: 1 }, { worker: 'w2' }, { perCaller: 1 }))?.worker, 'w2');
      await sessions.update(live.id, 'any', { status: 'closed' });
      assert.equal((await goOn())?.status, 'starting');
    }));

  test(`${name}: artifacts, checkpoints and uploads count together against the bytes of a caller`, () =>
    use(async ({ store }) => {
      const { artifacts, checkpoints, uploads } = store;
      await artifacts.insert([newArtifact({ sizeBytes: 40 })], { mostBytes: 100 });
      await checkpoints.insert(newCheckpoint({ sizeBytes: 30 }), { keep: 5 });
      await uploads.insert(newUpload(20), { mostBytes: 100 });
      await uploads.insert(newUpload(1000, 'bob'));
      assert.equal(await store.usedBytes('alice'), 90);
      assert.equal(await store.usedBytes('nobody'), 0);
      await assert.rejects(uploads.insert(newUpload(11), { mostBytes: 100 }), isOver('bytes'));
      await assert.rejects(artifacts.insert([newArtifact({ sizeBytes: 11 })], { mostBytes: 100 }), isOver('bytes'));
      await artifacts.insert([newArtifact({ sizeBytes: 10 })], { mostBytes: 100 });
      assert.equal(await store.usedBytes('alice'), 100);
    }));

  test(`${name}: the ids of agents are found of one caller, or of all the others`, () =>
    use(async ({ store: { sessions } }) => {
      await sessions.insert(newSession({ agentSessionId: 'a1' }));
      await sessions.insert(newSession({ caller: 'bob', agentSessionId: 'b1' }));
      await sessions.insert(newSession({ caller: 'zoe', agentSessionId: 'z1' }));
      await sessions.insert(newSession({ caller: 'zoe' }));
      assert.deepEqual(await sessions.agentIds({ caller: 'bob' }), ['b1']);
      assert.deepEqual((await sessions.agentIds({ caller: 'bob', others: true })).sort(), ['a1', 'z1']);
      assert.deepEqual(await sessions.agentIds({ caller: 'bob', others: true, among: ['b1', 'z1'] }), ['z1']);
    }));
}
