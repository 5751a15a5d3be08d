import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Operation } from '../operations/operation.ts';
import { findOperation } from '../operations/registry.ts';
import type { ClientCall, OperationClient } from './client.ts';
import type { Terminal } from './output.ts';

/** The service allows one request for logs a second, to all who use the token. */
const PAUSE_MS = 3_000;
const pageSchema = z.looseObject({ logs: z.array(z.looseObject({})) });

interface Following {
  readonly args: Record<string, unknown>;
  readonly call: ClientCall;
  readonly terminal: Terminal;
  readonly asJson: boolean;
}

/** Prints the logs of a run as they come, a line of JSON each, until the run has ended or the signal is aborted. */
export async function followRun(
  client: OperationClient,
  operation: Operation,
  { args, call, terminal, asJson }: Following,
): Promise<void> {
  const status = findOperation('codegen_task_status');
  if (status === undefined) throw new Error('no operation codegen_task_status');
  let skip = typeof args.skip === 'number' ? args.skip : 0;
  if (!asJson) terminal.out(`Logs for agent run ${args.agent_run_id}:\n`);
  while (!call.signal.aborted) {
    try {
      // Asked before the logs are: what was said until the end is among them.
      const { state } = (await client.call(status, { agent_run_id: args.agent_run_id }, call)).output;
      const { logs } = pageSchema.parse((await client.call(operation, { ...args, skip, reverse: false }, call)).output);
      for (const entry of logs) terminal.out(`${JSON.stringify(entry)}\n`);
      skip += logs.length;
      if (logs.length > 0) continue;
      if (state !== 'active') return;
      await delay(PAUSE_MS, undefined, { signal: call.signal });
    } catch (error) {
      // Interrupting it is how one stops following.
      if (!call.signal.aborted) throw error;
    }
  }
}
