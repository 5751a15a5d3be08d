import type { Job, Outcome } from '../../protocol/jobs.ts';
import type { WorkerReply } from '../../protocol/messages.ts';

export type CommandReport = WorkerReply<'run.submit'>;

/** What a running command has put out so far. */
export interface SoFar {
  readonly stdout: string;
  readonly stderr: string;
}

const nothing = (): SoFar => ({ stdout: '', stderr: '' });

/** A job that was sent under an id: where it is, how it ended, and who waits for it. */
export class Command {
  readonly id: string;
  readonly job: Job;
  /** Given by the line. */
  sequence = 0;
  startedAt: number | null = null;
  /** Its start is asked for and its end is told to the hub. */
  isDetached: boolean;
  cancelReason: string | undefined;
  soFar: () => SoFar = nothing;
  #outcome: Outcome | undefined;
  #abandoned: Error | undefined;
  readonly #controller = new AbortController();
  readonly #ended = Promise.withResolvers<void>();

  constructor(id: string, job: Job, options: { isDetached: boolean }) {
    this.id = id;
    this.job = job;
    this.isDetached = options.isDetached;
  }

  /** Aborted when the command is cancelled. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  get state(): 'queued' | 'running' | 'ended' {
    if (this.#outcome !== undefined) return 'ended';
    return this.startedAt === null ? 'queued' : 'running';
  }

  cancel(reason: string): void {
    if (this.#outcome !== undefined || this.cancelReason !== undefined) return;
    this.cancelReason = reason;
    this.#controller.abort(new Error('the run was cancelled'));
  }

  /** The worker gives it up without an end that could be told: whoever waits gets the error. */
  abandon(error: Error): void {
    this.#abandoned = error;
    this.#controller.abort(error);
    this.#ended.resolve();
  }

  get isAbandoned(): boolean {
    return this.#abandoned !== undefined;
  }

  end(outcome: Outcome): void {
    if (this.#outcome !== undefined || this.#abandoned !== undefined) return;
    this.#outcome = outcome;
    this.soFar = nothing;
    this.#ended.resolve();
  }

  /** Settles when it has ended, or after `waitMs`; rejects when it was abandoned. */
  async wait(waitMs: number): Promise<void> {
    if (this.#outcome === undefined && this.#abandoned === undefined && waitMs > 0) {
      const over = Promise.withResolvers<void>();
      const timer = setTimeout(over.resolve, waitMs);
      await Promise.race([this.#ended.promise, over.promise]);
      clearTimeout(timer);
    }
    if (this.#abandoned !== undefined) throw this.#abandoned;
  }

  report(): CommandReport {
    const { sequence } = this;
    if (this.#outcome !== undefined) return { state: 'ended', outcome: this.#outcome };
    if (this.startedAt === null) return { state: 'queued', sequence };
    return { state: 'running', sequence, startedAt: this.startedAt, ...this.soFar() };
  }
}
