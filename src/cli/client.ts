import type { Operation, OperationResult, Progress } from '../operations/operation.ts';

export interface ClientCall {
  readonly signal: AbortSignal;
  report(progress: Progress): void;
}

/** How a command reaches a hub: in this process, or over the socket of one that runs. */
export interface OperationClient {
  call(operation: Operation, args: Record<string, unknown>, call: ClientCall): Promise<OperationResult>;
  close(): Promise<void>;
}
