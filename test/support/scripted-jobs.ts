import type { Job, Outcome } from '../../src/protocol/jobs.ts';
import type { RunTail, WorkerReply, WorkerRequest } from '../../src/protocol/messages.ts';

type End = Outcome['end'];

/** What a script may know and do while its job runs. */
export interface Running {
  readonly commandId: string;
  readonly workspaceId: string;
  readonly signal: AbortSignal;
  tail(tail: Omit<RunTail, 'commandId'>): Promise<void>;
}

export type Script = (job: Job, running: Running) => Promise<Partial<Outcome> & { end: End }>;

/** A job that was accepted. */
export interface Command {
  readonly id: string;
  readonly sequence: number;
  readonly job: Job;
  readonly abort: AbortController;
  readonly ended: Promise<Outcome>;
  isDetached: boolean;
  startedAt: number | null;
  outcome: Outcome | undefined;
}

/** A workspace with its line of work. */
export interface Held {
  readonly open: WorkerRequest<'workspace.open'>;
  readonly commands: Map<string, Command>;
  sequence: number;
  last: Promise<unknown>;
}

export const completed = (output: Record<string, string | number> = {}): { end: End } => ({
  end: { kind: 'completed', output },
});

/** Ends at once with the job's own words. */
export const echoing: Script = async job =>
  completed({ said: job.kind === 'command' ? String(job.command) : job.kind });

/** What a worker says of it after waiting for its end for so long. */
export async function stateOf(command: Command, waitMs: number): Promise<WorkerReply<'run.submit'>> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>(resolve => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([command.ended, over]);
  clearTimeout(timer);
  const { outcome, startedAt, sequence } = command;
  if (outcome) return { state: 'ended', outcome };
  if (startedAt === null) return { state: 'queued', sequence };
  return { state: 'running', sequence, startedAt, stdout: 'so far', stderr: '' };
}
