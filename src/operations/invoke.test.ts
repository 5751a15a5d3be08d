import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { fakeCall, fakeHub } from '../../test/support/fake-hub.ts';
import { AppError } from '../errors/app-error.ts';
import { silentLog } from '../log/log.ts';
import { renderMetrics } from '../telemetry/metrics.ts';
import { defineOperation } from './define.ts';
import { invoke } from './invoke.ts';
import type { OperationContext, OperationSpec } from './operation.ts';

const input = z.strictObject({ workspace_id: z.string().optional(), text: z.string() });
const output = z.looseObject({ text: z.string() });
type Spec = OperationSpec<typeof input, typeof output>;

function sample(more: Partial<Spec> = {}) {
  return defineOperation({
    name: 'sample',
    toolset: 'sandbox',
    title: 'Sample',
    description: 'For tests.',
    input,
    output,
    hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
    scope: 'sandbox:write',
    cli: { words: ['sample'], examples: [] },
    run: async ({ text }) => ({ text }),
    ...more,
  });
}

const isCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

test('a call answers with output and text', async () => {
  const result = await invoke(sample(), { text: 'x' }, fakeCall(fakeHub()));
  assert.deepEqual(result, { output: { text: 'x' }, text: ['{"text":"x"}'] });
});

test('the text is the one the operation gives, in one block or several', async () => {
  const one = await invoke(sample({ text: ({ text }) => text }), { text: 'x' }, fakeCall(fakeHub()));
  assert.deepEqual(one.text, ['x']);
  const two = await invoke(sample({ text: ({ text }) => [text, 'more'] }), { text: 'x' }, fakeCall(fakeHub()));
  assert.deepEqual(two.text, ['x', 'more']);
});

test('a caller without the scope learns nothing of the arguments, and nothing runs', async () => {
  let ran = false;
  const operation = sample({
    run: async ({ text }) => {
      ran = true;
      return { text };
    },
  });
  const hub = fakeHub();
  const caller = { id: 'eve', scopes: new Set(['sandbox:read']), teams: new Set<string>() };
  await assert.rejects(invoke(operation, { nonsense: 1 }, fakeCall(hub, { caller })), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'INSUFFICIENT_SCOPE');
    assert.match(error.message, /sandbox:write/);
    return true;
  });
  assert.equal(ran, false);
  assert.equal(hub.audited[0]?.outcome, 'INSUFFICIENT_SCOPE');
});

test('bad arguments are refused before anything runs, and recorded', async () => {
  const hub = fakeHub();
  const operation = sample({ run: () => assert.fail('it ran') });
  await assert.rejects(invoke(operation, {}, fakeCall(hub)), isCode('VALIDATION_ERROR'));
  assert.equal(hub.audited[0]?.outcome, 'VALIDATION_ERROR');
});

test('an audit record holds handles and no other argument', async () => {
  const hub = fakeHub();
  const operation = sample({
    run: async () => ({ text: 'secret', task_id: 'task-1', artifact_id: 'a name with blanks' }),
  });
  await invoke(operation, { workspace_id: 'ws_1', text: 'secret' }, fakeCall(hub, { requestId: 'req_7' }));
  const [record] = hub.audited;
  assert.deepEqual(record?.handles, { workspace_id: 'ws_1', task_id: 'task-1' });
  assert.deepEqual(record?.details, { surface: 'mcp', request_id: 'req_7' });
  assert.equal(record?.outcome, 'ok');
  assert.doesNotMatch(JSON.stringify(hub.audited), /secret/);
});

test('an operation that changes something answers only when its record is durable', async () => {
  const durable = Promise.withResolvers<void>();
  const recorded = Promise.withResolvers<void>();
  const hub = fakeHub({
    audit: {
      record: () => {
        recorded.resolve();
        return durable.promise;
      },
    },
  });
  let answered = false;
  const answer = invoke(sample(), { text: 'x' }, fakeCall(hub)).then(() => {
    answered = true;
  });
  await recorded.promise;
  await new Promise(setImmediate);
  assert.equal(answered, false);
  durable.resolve();
  await answer;
  assert.equal(answered, true);
});

test('nothing is changed while audit records cannot be written, but read', async () => {
  const admit = () => {
    throw new AppError('INTERNAL_ERROR', 'the audit log cannot be written');
  };
  const hub = fakeHub({ audit: { admit } });
  await assert.rejects(invoke(sample(), { text: 'x' }, fakeCall(hub)), { message: 'the audit log cannot be written' });
  const hints = { readOnly: true, destructive: false, idempotent: true, openWorld: false };
  assert.equal((await invoke(sample({ hints }), { text: 'x' }, fakeCall(hub))).output.text, 'x');
});

test('who works inside a workspace, or only reads, does not wait for the record', async () => {
  const hub = fakeHub({ audit: { record: () => new Promise(() => {}) } });
  const hints = { readOnly: true, destructive: false, idempotent: true, openWorld: false };
  for (const operation of [sample({ ordered: true }), sample({ hints })]) {
    assert.equal((await invoke(operation, { text: 'x' }, fakeCall(hub))).output.text, 'x');
  }
  assert.equal(hub.audited.length, 2);
});

test('places in line are taken in the order of the calls, before anything is awaited', async () => {
  const taken: string[] = [];
  const hub = fakeHub({
    lanes: {
      take: key => {
        taken.push(key);
        return { reached: async () => {}, done: () => {} };
      },
    },
  });
  const operation = sample({ ordered: true });
  const calls = [
    invoke(operation, { workspace_id: 'ws_1', text: 'x' }, fakeCall(hub)),
    invoke(operation, { text: 'x' }, fakeCall(hub, { connection: { id: 'stdio-1' } })),
    invoke(operation, { text: 'x' }, fakeCall(hub)),
    invoke(sample(), { workspace_id: 'ws_2', text: 'x' }, fakeCall(hub)),
  ];
  assert.deepEqual(taken, ['local ws_1', 'local stdio-1']);
  await Promise.all(calls);
});

test('a place in line is given up however the call ends', async () => {
  let done = 0;
  const hub = fakeHub({ lanes: { take: () => ({ reached: async () => {}, done: () => done++ }) } });
  const call = fakeCall(hub, { connection: { id: 'c' } });
  await invoke(sample({ ordered: true }), { text: 'x' }, call);
  await assert.rejects(invoke(sample({ ordered: true }), {}, call));
  await assert.rejects(
    invoke(sample({ ordered: true, run: () => Promise.reject(new Error('x')) }), { text: 'x' }, call),
  );
  assert.equal(done, 3);
});

test('what nobody foresaw is shown as a reference id, and logged with its stack', async () => {
  const logged: { err?: unknown; reference?: string }[] = [];
  const log = { ...silentLog, child: () => log, error: (fields: object) => logged.push(fields) };
  const operation = sample({ run: () => Promise.reject(new Error('/etc/passwd at line 3')) });
  await assert.rejects(invoke(operation, { text: 'x' }, fakeCall(fakeHub(), { log })), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'INTERNAL_ERROR');
    assert.doesNotMatch(JSON.stringify(error.toShape()), /passwd/);
    assert.equal(error.message, `internal error, reference ${logged[0]?.reference}`);
    return true;
  });
  assert.ok(logged[0]?.err instanceof Error && logged[0].err.stack);
});

test('a call whose caller went away ends as cancelled', async () => {
  const controller = new AbortController();
  const operation = sample({
    run: async (_input, { signal }: OperationContext) => {
      controller.abort();
      signal.throwIfAborted();
      return { text: '' };
    },
  });
  const call = fakeCall(fakeHub(), { signal: controller.signal });
  await assert.rejects(invoke(operation, { text: 'x' }, call), isCode('TASK_CANCELLED'));
});

test('calls and errors are counted by operation', async () => {
  const operation = sample({ name: 'counted' });
  await invoke(operation, { text: 'x' }, fakeCall(fakeHub()));
  await assert.rejects(invoke(operation, {}, fakeCall(fakeHub())));
  const { body } = await renderMetrics();
  assert.match(body, /boxswain_operation_calls_total\{operation="counted"\} 2/);
  assert.match(body, /boxswain_operation_errors_total\{operation="counted",code="VALIDATION_ERROR"\} 1/);
  assert.match(body, /boxswain_operation_duration_seconds_count\{operation="counted"\} 2/);
});
