import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { codegenBench } from '../../test/support/codegen-bench.ts';
import { type Caller, localCaller } from '../auth/caller.ts';
import type { Hub } from '../hub/hub.ts';
import { silentLog } from '../log/log.ts';
import { defineOperation } from '../operations/define.ts';
import { failureOf } from '../operations/codegen/envelope.ts';
import type { Operation } from '../operations/operation.ts';
import { selectOperations } from '../operations/registry.ts';
import { answerCommand } from './commands.ts';

const failed = z.object({
  status: z.literal('error'),
  error: z.string(),
  code: z.string(),
  details: z.unknown(),
  hint: z.string(),
  retryable: z.boolean(),
});

interface Asked {
  readonly hub: Hub;
  readonly caller?: Caller;
  readonly operations?: readonly Operation[];
  readonly args?: object;
}

async function failureFor(command: string, { hub, caller = localCaller, operations, args = {} }: Asked) {
  const response = await answerCommand(
    { command, args },
    {
      hub,
      caller,
      operations: operations ?? selectOperations({ toolsets: ['codegen'] }),
      log: silentLog,
      signal: new AbortController().signal,
    },
  );
  return { http: response.status, ...failed.parse(await response.json()) };
}

test('what nobody foresaw is told as that, with a reference and nothing else', async () => {
  await using stage = await codegenBench();
  const broken = defineOperation({
    name: 'codegen_list',
    aliases: ['list'],
    toolset: 'codegen',
    title: 'Broken',
    description: 'Breaks.',
    input: z.strictObject({}),
    output: z.looseObject({ status: z.string() }),
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    scope: 'codegen:read',
    failure: failureOf('list'),
    cli: { words: [], examples: [] },
    run: async () => {
      throw new Error('secret of /somewhere');
    },
  });
  const { http, code, error, details, hint } = await failureFor('list', { hub: stage.hub, operations: [broken] });
  assert.deepEqual([http, code, error], [500, 'INTERNAL_ERROR', 'Unexpected error']);
  assert.deepEqual(Object.keys(Object(details)), ['reference']);
  assert.doesNotMatch(`${JSON.stringify(details)} ${hint}`, /secret|somewhere|\bat /);
});

test('each tool asks for its scope', async () => {
  await using stage = await codegenBench();
  const caller = (...scopes: string[]): Caller => ({ id: 'somebody', scopes: new Set(scopes), teams: new Set() });
  const refusedTo = async (scopes: string[], command: string, args: object) => {
    const { http, code } = await failureFor(command, { hub: stage.hub, caller: caller(...scopes), args });
    assert.deepEqual([http, code], [403, 'INSUFFICIENT_SCOPE'], `${command} with ${scopes}`);
  };
  const { id } = stage.fake.runs.add({ status: 'COMPLETE' });
  for (const scopes of [[], ['sandbox:write'], ['codegen:read']]) {
    await refusedTo(scopes, 'new', { query: 'x' });
    await refusedTo(scopes, 'resume', { agent_run_id: id, query: 'x' });
    await refusedTo(scopes, 'config', { action: 'set', key: 'org_id', value: '1' });
  }
  for (const [command, args] of [
    ['task_status', { agent_run_id: id }],
    ['list', {}],
    ['logs', { agent_run_id: id }],
    ['config', { action: 'get', key: 'org_id' }],
  ] as const)
    await refusedTo([], command, args);
  await refusedTo(['codegen:read', 'codegen:write'], 'config', { action: 'set', key: 'org_id', value: '1' });
  assert.equal(stage.fake.requests.count(), 0);
});
