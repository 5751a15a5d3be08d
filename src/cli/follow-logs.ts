import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { visible } from '../log/visible.ts';
import type { Operation } from '../operations/operation.ts';
import type { ClientCall, OperationClient } from './client.ts';
import type { Terminal } from './output.ts';

const PAUSE_MS = 2_000;
const MOST = 1_000;
const entrySchema = z.looseObject({ timestamp: z.string(), level: z.string(), message: z.string() });
const pageSchema = z.looseObject({ data: z.array(entrySchema), total_count: z.int() });

interface Following {
  readonly args: Record<string, unknown>;
  readonly call: ClientCall;
  readonly terminal: Terminal;
  readonly asJson: boolean;
}

/** Prints the log entries of an agent as they come, until the signal is aborted: which is how one stops following. */
export async function followLogs(
  client: OperationClient,
  operation: Operation,
  { args, call, terminal, asJson }: Following,
): Promise<void> {
  let seen: number | undefined;
  while (!call.signal.aborted) {
    try {
      const asked = seen === undefined ? args : { ...args, limit: MOST };
      const { data, total_count: total } = pageSchema.parse((await client.call(operation, asked, call)).output);
      const fresh = seen === undefined ? data : data.slice(data.length - Math.min(data.length, total - seen));
      for (const entry of fresh) terminal.out(`${asJson ? JSON.stringify(entry) : visible(lineOf(entry))}\n`);
      seen = total;
      await delay(PAUSE_MS, undefined, { signal: call.signal });
    } catch (error) {
      if (!call.signal.aborted) throw error;
    }
  }
}

const lineOf = ({ timestamp, level, message }: z.output<typeof entrySchema>): string =>
  `${timestamp} ${level} ${message}`;
