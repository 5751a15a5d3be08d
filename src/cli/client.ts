import type { Operation, OperationResult, Progress } from '../operations/operation.ts';

export interface ClientCall {
  readonly signal: AbortSignal;
  report(progress: Progress): void;
}

export interface LocalFile {
  readonly name: string;
  /** Empty where it is not known. */
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** How a command reaches a hub: in this process, or over the socket of one that runs. */
export interface OperationClient {
  call(operation: Operation, args: Record<string, unknown>, call: ClientCall): Promise<OperationResult>;
  /** Gives a file to be attached to prompts of a session. */
  upload(sessionId: string, file: LocalFile, call: ClientCall): Promise<{ fileId: string }>;
  close(): Promise<void>;
}
