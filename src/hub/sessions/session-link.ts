import { AppError } from '../../errors/app-error.ts';
import { askWorker } from '../../protocol/link.ts';
import type { WorkerReply, WorkerRequest, WorkerVerb } from '../../protocol/messages.ts';
import { isUnreachable } from '../errors.ts';
import type { Foundation } from '../foundation.ts';
import type { WorkerBook } from '../workers.ts';
import { workerUnreachable } from './errors.ts';

/** Asks the workers of sessions. */
export class SessionLink {
  readonly #foundation: Foundation;
  readonly #workers: WorkerBook;

  constructor(foundation: Foundation, workers: WorkerBook) {
    this.#foundation = foundation;
    this.#workers = workers;
  }

  /** Throws WORKER_UNREACHABLE for a worker without a lease. */
  async requireLive(worker: string): Promise<void> {
    if (!(await this.#workers.live()).some(({ id }) => id === worker)) throw workerUnreachable(worker);
  }

  /** Throws WORKER_UNREACHABLE where nobody answers, or the worker is lost meanwhile; else like `askWorker`. */
  async ask<Verb extends WorkerVerb>(
    worker: string,
    verb: Verb,
    body: WorkerRequest<Verb>,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<WorkerReply<Verb>> {
    const answer = askWorker(this.#foundation.link, verb, body, { ...options, worker });
    try {
      return await this.#workers.whileAlive(worker, answer);
    } catch (error) {
      const isLost = error instanceof AppError && error.code === 'SANDBOX_DIED';
      throw isLost || isUnreachable(error) ? workerUnreachable(worker, error) : error;
    }
  }
}
