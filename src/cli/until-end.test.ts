import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingTerminal } from '../../test/support/recording-terminal.ts';
import { findOperation } from '../operations/registry.ts';
import { showEnd } from './await-end.ts';
import type { OperationClient } from './client.ts';
import { followRun } from './follow-run.ts';

const operationOf = (name: string) => findOperation(name) ?? assert.fail(`no operation ${name}`);
const call = { signal: new AbortController().signal, report: () => {} };

/** Answers calls of a tool one after the other; the last answer stays. */
function clientOf(script: Record<string, Record<string, unknown>[]>) {
  const asked: { name: string; args: Record<string, unknown> }[] = [];
  const client: OperationClient = {
    call: async ({ name }, args) => {
      asked.push({ name, args });
      const answers = script[name] ?? [];
      const output = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
      return { output, text: [JSON.stringify(output)] };
    },
    upload: async () => ({ fileId: 'f' }),
    close: async () => {},
  };
  return { client, asked };
}

const task = { task_id: 't', agent_run_id: 7, web_url: null, result: null, error: null };

test('--wait asks until the run has ended, and fails with it', async () => {
  const { awaits } = operationOf('codegen_new').cli;
  const terminal = new RecordingTerminal();
  const { client, asked } = clientOf({
    codegen_task_status: [
      { ...task, state: 'active' },
      { ...task, state: 'failed', error: 'it broke' },
    ],
  });
  await showEnd(awaits ?? assert.fail('it does not wait'), {
    begun: { task_id: 't' },
    client,
    call,
    terminal,
    asJson: false,
  });
  assert.deepEqual(
    asked.map(({ args }) => args.task_id),
    ['t', 't'],
  );
  assert.match(terminal.stdout, /Status: failed[\s\S]*Error:\nit broke/);
  assert.equal(terminal.exitCode, 1);
});

test('--follow prints each entry of the logs once, to the last of a run that has ended', async () => {
  const terminal = new RecordingTerminal();
  const { client, asked } = clientOf({
    codegen_task_status: [{ state: 'active' }, { state: 'completed' }],
    codegen_logs: [{ logs: [{ n: 1 }, { n: 2 }] }, { logs: [{ n: 3 }] }, { logs: [] }],
  });
  const args = { agent_run_id: 7, limit: 2 };
  await followRun(client, operationOf('codegen_logs'), { args, call, terminal, asJson: false });
  assert.equal(terminal.stdout, 'Logs for agent run 7:\n{"n":1}\n{"n":2}\n{"n":3}\n');
  assert.deepEqual(
    asked.filter(({ name }) => name === 'codegen_logs').map(({ args: given }) => given.skip),
    [0, 2, 3],
  );
});
