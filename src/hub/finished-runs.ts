import type { TaskRecord } from '../store/rows.ts';
import type { EventLog, NewEvent } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Peers } from './hub.ts';

const FLUSH_MS = 25;
/** Asks another hub to write what it has answered and not yet written. */
export const FLUSH = 'flush';
const RETRY_MS = 1_000;
const MAX_BATCH = 200;
/** A store that fails for long must not fill the memory; the oldest are given up first, and the log says how many. */
const MAX_WAITING = 20_000;

/**
 * Rows and events of runs that ended while their callers waited. They are written behind the answer, many in one transaction,
 * so that lists are complete and the answer waits for no disk.
 */
export class FinishedRuns {
  readonly #foundation: Foundation;
  readonly #events: EventLog;
  readonly #peers: Peers;
  #waiting: TaskRecord[] = [];
  #isScheduled = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(foundation: Foundation, { events, peers }: { events: EventLog; peers: Peers }) {
    this.#foundation = foundation;
    this.#events = events;
    this.#peers = peers;
  }

  add(task: TaskRecord): void {
    this.#waiting.push(task);
    this.#schedule(FLUSH_MS);
  }

  /** Settles when all that was added until now is written, or its failure logged. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** The same at all hubs that are there, for who is to see what any of them has answered. */
  async flushEverywhere(): Promise<void> {
    await Promise.all([this.flush(), this.#peers.ask(FLUSH, {})]);
  }

  #schedule(afterMs: number): void {
    const { background } = this.#foundation;
    // What comes after the end is written by the last flush.
    if (this.#isScheduled || background.signal.aborted) return;
    this.#isScheduled = true;
    background.run('write finished runs', async () => {
      await background.pause(afterMs);
      this.#isScheduled = false;
      await this.flush();
    });
  }

  async #write(): Promise<void> {
    const { store, log } = this.#foundation;
    // What is added meanwhile waits for its own moment: else a busy hub would be writing all the time, few at once.
    for (let due = this.#waiting.length; due > 0; due -= MAX_BATCH) {
      const batch = this.#waiting.splice(0, Math.min(due, MAX_BATCH));
      try {
        await store.tasks.insertFinished(batch);
        await this.#announce(batch);
      } catch (error) {
        log.error({ err: error, runs: batch.length }, 'finished runs were not written');
        this.#waiting = [...batch, ...this.#waiting].slice(-MAX_WAITING);
        this.#schedule(RETRY_MS);
        return;
      }
    }
  }

  async #announce(tasks: readonly TaskRecord[]): Promise<void> {
    const byWorkspace = new Map<string, NewEvent[]>();
    for (const task of tasks) {
      if (task.workspaceId === null) continue;
      const events = byWorkspace.get(task.workspaceId) ?? [];
      events.push({ type: 'run.ended', body: { task_id: task.id, operation: task.operation, status: task.status } });
      byWorkspace.set(task.workspaceId, events);
    }
    for (const [id, events] of byWorkspace) await this.#events.appendAll(`workspace:${id}`, events);
  }
}
