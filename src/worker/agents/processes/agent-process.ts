import type { Readable, Writable } from 'node:stream';
import { AppError } from '../../../errors/app-error.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Where more is known than that, such as of the box that it lived in. */
  readonly reason?: string;
}

/** As much of a child process as drivers and Claude Code's SDK use: one of ours, or one inside a box. */
export interface AgentChild {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly killed: boolean;
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  kill(signal: NodeJS.Signals): boolean;
  on(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  once(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): void;
  once(event: 'error', listener: (error: Error) => void): void;
  off(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): void;
  off(event: 'error', listener: (error: Error) => void): void;
}

/** A running agent with all that it starts. Whoever has it ends it. */
export interface AgentProcess {
  /** As this machine numbers it; 0 for one inside a box. */
  readonly pid: number;
  readonly child: AgentChild;
  /** Settles when it ended, for whatever reason, and nothing of its tree is left. */
  readonly exited: Promise<Exit>;
  /** The end of what it wrote to its standard error: for logs, never for callers. */
  complaints(): string;
  /** Closes its input, lets it end by itself for a moment, then kills the tree. Settles when nothing of it is left. */
  end(options?: { graceMs?: number }): Promise<Exit>;
}

export interface StartAgent {
  readonly kind: string;
  readonly sessionId?: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole of it: nothing of ours is added but the mark. */
  readonly environment: Readonly<Record<string, string>>;
}

export type Launch = (program: Pick<StartAgent, 'command' | 'args' | 'environment'>) => AgentProcess;

/** What starts agents: on this machine, or inside a box. */
export interface AgentStarter {
  /** Rejects with AGENT_UNAVAILABLE when the program cannot be started. */
  start(request: StartAgent): Promise<AgentProcess>;
  /** For callers that may not wait between asking for a process and having it. Its `exited` tells when it does not start. */
  prepare(known: Pick<StartAgent, 'kind' | 'sessionId' | 'cwd'>): Promise<Launch>;
}

/** A variable of each agent's environment with a value of its own: agents hide those with KEY, SECRET or TOKEN in their name. */
export const MARK = 'BOXSWAIN_AGENT_PROCESS';

/** How an end reads in `The agent exited (…)`. */
export const exitText = ({ code, signal, reason }: Exit): string => reason ?? signal ?? `code ${code ?? 'unknown'}`;

/** For whoever waited for something of an agent that is gone. */
export const agentExited = (exit: Exit): AppError =>
  new AppError('SESSION_FAILED', `The agent exited (${exitText(exit)})`);
