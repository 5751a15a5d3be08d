import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createPostgresStore } from '../../src/store/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { messageOf, postModern } from '../mcp/clients.ts';
import { type CodegenBench, codegenBench } from '../support/codegen-bench.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let postgres: PostgresServer;
let store: Store;
let codegen: CodegenBench;
before(async () => {
  postgres = await startPostgres();
  store = await createPostgresStore({ url: await postgres.createDatabase() });
  codegen = await codegenBench({ store });
});
after(async () => {
  await codegen[Symbol.asyncDispose]();
  await postgres.close();
});

test('while the records are away every call of Codegen is told to come again, on each surface, and then is served', async () => {
  const { task_id, agent_run_id } = await codegen.ok('new', { query: 'go' });
  const calls: readonly (readonly [command: string, args: Record<string, unknown>])[] = [
    ['new', { query: 'go', repo: 'owner/name' }],
    ['new', { query: 'go', idempotency_key: 'k' }],
    ['resume', { agent_run_id, query: 'more' }],
    ['task_status', { task_id }],
    ['task_status', { agent_run_id }],
    ['list', {}],
    ['list', { orchestrator_run_id: 7 }],
    ['logs', { agent_run_id }],
    ['config', { action: 'get', key: 'org_id' }],
  ];
  await postgres.kill();
  for (const [command, args] of calls) {
    const told = `${command} ${JSON.stringify(args)}`;
    const { status, body, headers } = await codegen.command(command, args);
    assert.deepEqual([status, body.status, body.code], [503, 'error', 'SERVICE_UNAVAILABLE'], told);
    assert.equal(body.retryable, true, told);
    assert.match(headers.get('retry-after') ?? '', /^\d+$/, told);
    const params = { name: `codegen_${command}`, arguments: args };
    const { result } = await messageOf(await postModern(codegen.url, { method: 'tools/call', params }));
    assert.equal(result.isError, true, told);
    assert.equal(result.structuredContent.code, 'SERVICE_UNAVAILABLE', told);
    assert.equal(result._meta['boxswain/error'].retryable, true, told);
  }
  await postgres.restart();
  await eventually(async () => (await codegen.command('task_status', { task_id })).status === 200);
  assert.equal((await codegen.command('list')).status, 200);
});

test('a call that is under way when the records go is told so as well, whatever it waits for', async () => {
  let task_id: unknown;
  await eventually(async () => {
    const { status, body } = await codegen.command('new', { query: 'go' });
    task_id = body.task_id;
    return status === 200;
  });
  const arrived = Promise.withResolvers<void>();
  const answering = Promise.withResolvers<void>();
  codegen.fake.runs.onStarted = () => arrived.resolve();
  codegen.fake.troubles.next('createRun', { answersAfter: answering.promise });
  const creating = codegen.command('new', { query: 'go on' });
  const waiting = codegen.command('task_status', { task_id, wait_seconds: 30 });
  await arrived.promise;
  await postgres.kill();
  answering.resolve();
  for (const { status, body } of await Promise.all([creating, waiting]))
    assert.deepEqual([status, body.code, body.retryable], [503, 'SERVICE_UNAVAILABLE', true]);
  await postgres.restart();
  await eventually(async () => (await codegen.command('task_status', { task_id })).status === 200);
});
