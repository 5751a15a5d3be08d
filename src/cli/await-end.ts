import type { CliShape } from '../operations/operation.ts';
import { findOperation } from '../operations/registry.ts';
import type { ClientCall, OperationClient } from './client.ts';
import { showResult, type Terminal } from './output.ts';

interface Awaiting {
  /** What was begun. */
  readonly begun: Record<string, unknown>;
  readonly client: OperationClient;
  readonly call: ClientCall;
  readonly terminal: Terminal;
  readonly asJson: boolean;
}

/** Asks until what was begun is over, and prints how it ended. A failure of it is the command's: exit code 1. */
export async function showEnd(
  { tool, argumentsOf, isOver }: NonNullable<CliShape['awaits']>,
  { begun, client, call, terminal, asJson }: Awaiting,
): Promise<void> {
  const operation = findOperation(tool);
  if (operation === undefined) throw new Error(`no operation ${tool}`);
  const args = argumentsOf(begun);
  while (true) {
    const result = await client.call(operation, args, call);
    call.signal.throwIfAborted();
    if (!isOver(result.output)) continue;
    terminal.clearProgress();
    showResult(operation, result, { terminal, asJson, args });
    if (result.output.state !== 'completed') terminal.exitWith(1);
    return;
  }
}
