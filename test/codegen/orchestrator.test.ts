import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { asBody, bodyOf, newBody } from '../../src/hub/codegen/run-body.ts';
import type { Hub } from '../../src/hub/hub.ts';
import type { CodegenRecord } from '../../src/store/codegen/rows.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeCodegen, startFakeCodegen } from '../support/fake-codegen/fake-codegen.ts';
import { alice, type Bench, openBench } from '../support/hub-under-test.ts';
import { taskRecord } from '../support/fake-hub.ts';

const ORCHESTRATOR = 500;

interface Scene {
  readonly bench: Bench;
  readonly fake: FakeCodegen;
  hub(): Promise<Hub>;
  /** A child that goes on; the service allows ten creations a minute, so its rows are written directly. */
  child(): Promise<string>;
  deliveries(): Promise<(CodegenRecord | undefined)[]>;
}

const scene = (play: (scene: Scene) => Promise<void>) => async () => {
  const fake = await startFakeCodegen();
  const bench = await openBench();
  const ids: string[] = [];
  const codegen = {
    api_token: fake.token,
    org_id: fake.orgId,
    base_url: fake.origin,
    poll_seconds: 0.05,
  };
  try {
    await play({
      bench,
      fake,
      hub: () => bench.hub({ config: { codegen } }),
      async child() {
        const id = randomUUID();
        const { id: runId } = fake.runs.add({ metadata: { task_id: id, orchestrator_run_id: ORCHESTRATOR } });
        const body = asBody({ ...newBody('new', { command: 'new' }), phase: 'known' });
        const of = { caller: alice.id, owner: 'hub-1', runId, orchestratorRunId: ORCHESTRATOR };
        await bench.store.codegen.insert({ id, ...of, body });
        const row = { workspaceId: null, worker: null, epoch: null, sequence: null, status: 'running' } as const;
        await bench.store.tasks.insert(
          taskRecord({ id, caller: alice.id, toolset: 'codegen', operation: 'codegen_new', ...row }),
        );
        ids.push(id);
        return id;
      },
      deliveries: () => Promise.all(ids.map(id => bench.store.codegen.get(id))),
    });
  } finally {
    await bench.close();
    await fake.close();
  }
};

const finish = (fake: FakeCodegen, status: string) => {
  for (const { id } of fake.runs.all())
    if (id !== ORCHESTRATOR) fake.runs.change(id, { status, result: `result ${id}` });
};

const settled = async ({ deliveries }: Scene, state: string): Promise<void> =>
  await eventually(async () => (await deliveries()).every(record => record?.deliveryState === state), 60_000);

test(
  'fifty children that end at once are told to their orchestrator in one resume, each once',
  scene(async stage => {
    const { fake } = stage;
    fake.runs.add({ id: ORCHESTRATOR, status: 'COMPLETE', result: 'waits' });
    const ids: string[] = [];
    for (let i = 0; i < 50; i += 1) ids.push(await stage.child());
    finish(fake, 'COMPLETE');
    const hub = await stage.hub();
    await settled(stage, 'delivered');
    const [prompt = '', ...more] = fake.runs.promptsOf(ORCHESTRATOR);
    assert.deepEqual(more, []);
    const parts = prompt.split('\n\n---\n\n');
    assert.deepEqual(
      parts.map(part => /^Result from child task (\S+):\n\nChild run ID: (\d+)\n\nresult \2$/.exec(part)?.[1]).sort(),
      [...ids].sort(),
    );
    const first = await hub.codegen.reads.task(ids[0] ?? '', {
      waitSeconds: 0,
      caller: alice,
      signal: new AbortController().signal,
    });
    assert.equal(first.state, 'completed');
    const told = await hub.tasks.list({ limit: 100, status: 'running' }, alice);
    assert.equal(told.rows.length, 1, 'the resume is a task of its own');
    const resume = await stage.bench.store.codegen.get(told.rows[0]?.id ?? '');
    assert.deepEqual(resume && bodyOf(resume).metadata.command, 'resume');
    assert.deepEqual(
      [...JSON.parse(JSON.stringify(resume && bodyOf(resume).metadata.children))].sort(),
      [...ids].sort(),
    );
  }),
);

test(
  'failure 12: results wait for an orchestrator that goes on, also across a restart, and are told once when it has completed',
  scene(async stage => {
    const { fake } = stage;
    fake.runs.add({ id: ORCHESTRATOR, status: 'ACTIVE' });
    for (let i = 0; i < 3; i += 1) await stage.child();
    const before = await stage.hub();
    finish(fake, 'COMPLETE');
    await eventually(
      async () => (await stage.deliveries()).every(record => record !== undefined && record.endedAt !== null),
      60_000,
    );
    await settled(stage, 'waiting');
    await before.close();
    assert.deepEqual(fake.runs.promptsOf(ORCHESTRATOR), []);
    fake.runs.change(ORCHESTRATOR, { status: 'COMPLETE' });
    await stage.hub();
    await settled(stage, 'delivered');
    assert.equal(fake.runs.promptsOf(ORCHESTRATOR).length, 1);
    assert.equal(fake.requests.count('resumeRun'), 1);
  }),
);

for (const [name, prepare, problem] of [
  ['failed', (fake: FakeCodegen) => void fake.runs.add({ id: ORCHESTRATOR, status: 'FAILED' }), /status FAILED/],
  ['is gone', () => {}, /not found/],
] as const) {
  test(
    `results for an orchestrator that ${name} are undeliverable, and the children stay as they ended`,
    scene(async stage => {
      prepare(stage.fake);
      const completed = await stage.child();
      finish(stage.fake, 'COMPLETE');
      await stage.hub();
      await settled(stage, 'undeliverable');
      const [record] = await stage.deliveries();
      assert.match(record?.deliveryError ?? '', problem);
      await eventually(async () => (await stage.bench.store.tasks.get(completed))?.status === 'completed', 60_000);
      assert.equal(stage.fake.requests.count('resumeRun'), 0);
    }),
  );
}

test(
  'a child that failed tells its error',
  scene(async stage => {
    stage.fake.runs.add({ id: ORCHESTRATOR, status: 'COMPLETE' });
    const id = await stage.child();
    finish(stage.fake, 'TIMEOUT');
    await stage.hub();
    await settled(stage, 'delivered');
    const [prompt = ''] = stage.fake.runs.promptsOf(ORCHESTRATOR);
    assert.ok(prompt.startsWith(`Error from child task ${id}:\n\nChild run ID: `));
    assert.match(prompt, /ended with status TIMEOUT/);
  }),
);

test(
  'a delivery whose answer is lost is unknown, and is not sent again',
  scene(async stage => {
    const { fake } = stage;
    fake.runs.add({ id: ORCHESTRATOR, status: 'COMPLETE' });
    await stage.child();
    finish(fake, 'COMPLETE');
    fake.troubles.next('resumeRun', { cuts: 'after' });
    const hub = await stage.hub();
    await settled(stage, 'unknown');
    await hub.close();
    fake.runs.change(ORCHESTRATOR, { status: 'COMPLETE' });
    const [lost] = await stage.deliveries();
    const later = await stage.child();
    finish(fake, 'COMPLETE');
    await stage.hub();
    await eventually(async () => (await stage.deliveries())[1]?.deliveryState === 'delivered', 60_000);
    assert.equal((await stage.deliveries())[0]?.deliveryState, 'unknown');
    const [first = '', second = ''] = fake.runs.promptsOf(ORCHESTRATOR);
    assert.ok(first.includes(lost?.id ?? '-') && second.includes(later) && !second.includes(lost?.id ?? '-'));
    assert.equal(fake.requests.count('resumeRun'), 2);
  }),
);

test(
  'an intent whose hub died is unknown after the restart, and is not sent again',
  scene(async stage => {
    const { fake, bench } = stage;
    fake.runs.add({ id: ORCHESTRATOR, status: 'COMPLETE' });
    const child = await stage.child();
    finish(fake, 'COMPLETE');
    const intent = randomUUID();
    await bench.store.codegen.end(child, asBody({ ...newBody('new', {}), phase: 'known', state: 'completed' }));
    const body = asBody({ ...newBody('resume', {}), delivers: true });
    const of = { caller: alice.id, owner: 'dead', runId: ORCHESTRATOR, orchestratorRunId: null };
    await bench.store.codegen.insert({ id: intent, ...of, body });
    assert.equal(await bench.store.codegen.claim([child], intent), true);
    await stage.hub();
    await settled(stage, 'unknown');
    assert.equal(fake.requests.count('resumeRun'), 0);
  }),
);
