import { z } from 'zod';
import { visible } from '../log/visible.ts';
import type { Operation } from '../operations/operation.ts';
import type { ClientCall, OperationClient } from './client.ts';
import type { Terminal } from './output.ts';

/** How long one poll waits. */
const POLL_MS = 30_000;
const MAX_LINE = 200;

const pageSchema = z.looseObject({ events: z.array(z.looseObject({})), cursor: z.string() });

interface Following {
  readonly args: Record<string, unknown>;
  readonly call: ClientCall;
  readonly terminal: Terminal;
  readonly asJson: boolean;
}

/** Polls again and again, and prints what comes: a line of JSON each, or a short one for people. Ends with the signal. */
export async function follow(
  client: OperationClient,
  operation: Operation,
  { args, call, terminal, asJson }: Following,
): Promise<void> {
  let after = args.after;
  while (!call.signal.aborted) {
    try {
      const polled = { ...args, timeout_ms: POLL_MS, ...(after !== undefined && { after }) };
      const { events, cursor } = pageSchema.parse((await client.call(operation, polled, call)).output);
      for (const event of events) terminal.out(`${asJson ? JSON.stringify(event) : visible(lineOf(event))}\n`);
      after = cursor;
    } catch (error) {
      // Interrupting it is how one stops following.
      if (!call.signal.aborted) throw error;
    }
  }
}

function lineOf({ time, type, sessionId, seq: _seq, stream, ...body }: Record<string, unknown>): string {
  if (stream === 'fleet') return `${body.timestamp} ${body.severity} ${body.provider} ${type}: ${body.message}`;
  const at = typeof time === 'number' ? new Date(time).toISOString() : '';
  return `${at} ${sessionId ?? stream} ${type} ${JSON.stringify(body)}`.slice(0, MAX_LINE);
}
