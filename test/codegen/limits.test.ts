import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codegenBench } from '../support/codegen-bench.ts';
import { eventually } from '../support/eventually.ts';
import { alice, callOf, mallory } from '../support/hub-under-test.ts';

test('a run of Codegen that is under way counts against the tasks of its caller, and one too many is never asked for', async () => {
  await using codegen = await codegenBench({ limits: { tasks: 1 } });
  const { hub, fake } = codegen;
  const start = (caller = alice) =>
    hub.codegen.starts.start({ query: 'go', metadata: {} }, { caller, signal: callOf().signal });
  const first = await start();
  await assert.rejects(start(), { code: 'CAPACITY_EXCEEDED', message: 'you have 1 tasks, which is your limit' });
  assert.equal(fake.requests.count('createRun'), 1);
  // What somebody else has does not count.
  await start(mallory);
  await hub.tasks.cancel(String(first.task_id), 'not needed', alice);
  await eventually(async () => (await hub.tasks.get(String(first.task_id), alice)).completedAt !== null);
  await start();
});
