import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { AppError } from '../../../errors/app-error.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A running agent in a group of its own. Whoever has it ends it. */
export interface AgentProcess {
  readonly pid: number;
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Settles when it ended, for whatever reason, and nothing of its tree is left. */
  readonly exited: Promise<Exit>;
  /** The end of what it wrote to its standard error: for logs, never for callers. */
  complaints(): string;
  /** Closes its input, lets it end by itself for a moment, then kills the tree. Settles when nothing of it is left. */
  end(options?: { graceMs?: number }): Promise<Exit>;
}

/** How an end reads in `The agent exited (…)`. */
export const exitText = ({ code, signal }: Exit): string => signal ?? `code ${code ?? 'unknown'}`;

/** For whoever waited for something of an agent that is gone. */
export const agentExited = (exit: Exit): AppError =>
  new AppError('SESSION_FAILED', `The agent exited (${exitText(exit)})`);
