import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CodegenServer, codegenServer } from '../support/codegen-server.ts';
import { eventually } from '../support/eventually.ts';

const LATER_MS = 120_000;
const CHILDREN = 50;
const FEW = 5;

/** A server that is given its token by a file: the service allows each token ten creations a minute. */
async function manyTokens(): Promise<{ server: CodegenServer; child(orchestrator: number): Promise<string> }> {
  const server = await codegenServer({
    fake: { accepts: token => token.startsWith('sk-fake-') },
    env: { CODEGEN_API_TOKEN: '' },
  });
  let made = 0;
  const useAnother = async () => {
    const folder = String(server.env.BOXSWAIN_CONFIG_DIR);
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify({ codegen: { api_token: `sk-fake-${made}-0123456789` } }), { mode: 0o600 });
  };
  return {
    server,
    async child(orchestrator) {
      if (made % 10 === 0) await useAnother();
      made += 1;
      const { task_id } = await server.ok('new', { query: `child ${made}`, orchestrator_run_id: orchestrator });
      return String(task_id);
    },
  };
}

const deliveriesOf = (server: CodegenServer, tasks: readonly string[]) =>
  Promise.all(
    tasks.map(async task_id => {
      const { delivery, state } = await server.ok('task_status', { task_id });
      return { task: state, ...Object(delivery) };
    }),
  );

/** One after another, so that waiting asks for one of them at a time. */
async function allAre(server: CodegenServer, tasks: readonly string[], state: string): Promise<void> {
  for (const task of tasks)
    await eventually(async () => (await deliveriesOf(server, [task])).every(one => one.state === state), LATER_MS);
}

/** Ends every run but these. */
function endAllBut(server: CodegenServer, orchestrators: readonly number[]): void {
  const { runs } = server.fake;
  for (const { id } of runs.all())
    if (!orchestrators.includes(id)) runs.change(id, { status: 'COMPLETE', result: `result ${id}` });
}

test('fifty children of an orchestrator end at once, with those of one that failed and one that is gone, amid which the server is killed', async () => {
  const { server, child } = await manyTokens();
  await using _ = server;
  const { fake } = server;
  const goesOn = fake.runs.add({ status: 'ACTIVE' }).id;
  const failed = fake.runs.add({ status: 'FAILED' }).id;
  const gone = 4;
  const childrenOf = async (orchestrator: number, count: number) => {
    const tasks: string[] = [];
    for (let at = 0; at < count; at += 1) tasks.push(await child(orchestrator));
    return tasks;
  };
  const waiting = await childrenOf(goesOn, CHILDREN);
  const lost = [...(await childrenOf(failed, FEW)), ...(await childrenOf(gone, FEW))];
  endAllBut(server, [goesOn, failed]);
  await server.until(waiting[0], 'completed');
  await server.restart('kill');

  for (const task of [...waiting, ...lost]) await server.until(task, 'completed');
  assert.ok((await deliveriesOf(server, waiting)).every(({ state }) => state === 'waiting'));
  assert.equal(fake.requests.count('resumeRun'), 0);
  fake.runs.change(goesOn, { status: 'COMPLETE' });
  await eventually(() => fake.requests.count('resumeRun') === 1, LATER_MS);
  await allAre(server, waiting, 'delivered');
  const told = fake.runs
    .promptsOf(goesOn)
    .join('\n')
    .matchAll(/^Result from child task (\S+):$/gm);
  assert.deepEqual([...told].map(([, task]) => task).sort(), [...waiting].sort(), 'each is told once');
  const { children } = await server.ok('task_status', { agent_run_id: goesOn });
  assert.ok(Array.isArray(children) && children.length === CHILDREN);

  await allAre(server, lost, 'undeliverable');
  for (const { error, task } of await deliveriesOf(server, lost)) {
    assert.match(error, /FAILED|not found/);
    assert.equal(task, 'completed', 'the child is not affected');
  }
  assert.equal(fake.requests.count('resumeRun'), 1);
  assert.equal(fake.requests.count('createRun'), CHILDREN + 2 * FEW);
});

test('a server that is killed while it resumes an orchestrator does not do it again, and says so', async () => {
  const { server, child } = await manyTokens();
  await using _ = server;
  const { fake } = server;
  const { id: orchestrator } = fake.runs.add({ status: 'COMPLETE' });
  const tasks = [await child(orchestrator), await child(orchestrator), await child(orchestrator)];
  const killed = Promise.withResolvers<void>();
  fake.runs.onStarted = () => {
    server.server.child.kill('SIGKILL');
    killed.resolve();
  };
  endAllBut(server, [orchestrator]);
  await killed.promise;
  fake.runs.onStarted = () => {};
  await server.restart('kill');
  // What the resume carried has an end that is told; what it did not carry is delivered by the next one.
  fake.runs.change(orchestrator, { status: 'COMPLETE' });
  await eventually(async () => {
    const states = (await deliveriesOf(server, tasks)).map(({ state }) => state);
    return states.every(state => state === 'unknown' || state === 'delivered');
  }, LATER_MS);
  const deliveries = await deliveriesOf(server, tasks);
  assert.ok(deliveries.some(({ state, error }) => state === 'unknown' && /not known whether/.test(error)));
  const prompts = fake.runs.promptsOf(orchestrator).join('\n');
  for (const task of tasks)
    assert.equal(
      prompts.split(`Result from child task ${task}:`).length,
      2,
      'no result is told twice, and none is lost',
    );
});
