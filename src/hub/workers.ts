import type { WorkerRecord } from '../store/rows.ts';
import { workerLost, workerNotFound } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Workers } from './hub.ts';

type Join = Omit<WorkerRecord, 'joinedAt' | 'leaseUntil' | 'isDraining'>;
/** Hears of a worker that came, or whose last boot is gone; `site` is where its workspaces' files are. */
export type WorkerListener = (worker: { id: string; site: string }, change: 'joined' | 'lost') => void;

/** The workers and their leases. */
export class WorkerBook implements Workers {
  readonly #foundation: Foundation;
  /** Those that spoke to this very hub, which can therefore reach them; with their current boot. */
  readonly #heard = new Map<string, { boot: string; site: string }>();
  /** Ends what waits for a worker when that is lost. */
  readonly #waiting = new Map<string, Set<(reason: unknown) => void>>();
  readonly #listeners: WorkerListener[] = [];

  constructor(foundation: Foundation) {
    this.#foundation = foundation;
    foundation.background.every(foundation.timing.sweepMs, 'reap workers', () => this.reap());
  }

  onChange(listener: WorkerListener): void {
    this.#listeners.push(listener);
  }

  list(): Promise<WorkerRecord[]> {
    return this.#foundation.store.workers.list({ liveOnly: false });
  }

  live(): Promise<WorkerRecord[]> {
    return this.#foundation.store.workers.list({ liveOnly: true });
  }

  isHeard(id: string): boolean {
    return this.#heard.has(id);
  }

  async drain(id: string, isDraining: boolean): Promise<void> {
    if (!(await this.#foundation.store.workers.setDraining(id, isDraining))) throw workerNotFound(id);
  }

  async remove(id: string): Promise<void> {
    const worker = (await this.list()).find(other => other.id === id);
    if (worker === undefined) throw workerNotFound(id);
    await this.leave(id, worker.boot);
  }

  async join(worker: Join): Promise<{ leaseSeconds: number }> {
    const { store, timing } = this.#foundation;
    const before = this.#heard.get(worker.id);
    await store.workers.join({ ...worker, isDraining: false }, timing.leaseSeconds);
    this.#heard.set(worker.id, { boot: worker.boot, site: worker.site });
    // A new boot of the same worker remembers nothing of what the last one was doing.
    if (before !== undefined && before.boot !== worker.boot) this.#failWaiting(worker.id);
    this.#tell({ id: worker.id, site: worker.site }, 'joined');
    return { leaseSeconds: timing.leaseSeconds };
  }

  async beat(id: string, boot: string): Promise<{ isLive: boolean; isDraining: boolean }> {
    const { store, timing } = this.#foundation;
    const renewed = await store.workers.beat([{ id, boot }], timing.leaseSeconds);
    if (!renewed.has(id)) return { isLive: false, isDraining: false };
    const worker = (await this.live()).find(other => other.id === id);
    if (worker !== undefined) this.#heard.set(id, { boot, site: worker.site });
    return { isLive: true, isDraining: worker?.isDraining ?? false };
  }

  async leave(id: string, boot: string): Promise<void> {
    const { store } = this.#foundation;
    const worker = (await this.list()).find(other => other.id === id && other.boot === boot);
    await store.workers.leave(id, boot);
    if (worker !== undefined) this.#lose(worker);
  }

  async reap(): Promise<void> {
    for (const worker of await this.#foundation.store.workers.reap()) {
      this.#foundation.log.warn({ worker: worker.id }, 'worker lost: its lease ran out');
      this.#lose(worker);
    }
  }

  /** Settles like `answer`, but fails with SANDBOX_DIED as soon as the worker is lost. */
  whileAlive<Value>(worker: string, answer: Promise<Value>): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const waiting = this.#waiting.get(worker) ?? new Set();
    this.#waiting.set(worker, waiting.add(reject));
    const left = () => {
      waiting.delete(reject);
      if (waiting.size === 0 && this.#waiting.get(worker) === waiting) this.#waiting.delete(worker);
    };
    answer.then(
      value => {
        left();
        resolve(value);
      },
      error => {
        left();
        reject(error);
      },
    );
    return promise;
  }

  #lose(worker: { id: string; site: string }): void {
    this.#heard.delete(worker.id);
    this.#failWaiting(worker.id);
    this.#tell({ id: worker.id, site: worker.site }, 'lost');
  }

  #failWaiting(id: string): void {
    for (const reject of this.#waiting.get(id) ?? []) reject(workerLost());
    this.#waiting.delete(id);
  }

  #tell(worker: { id: string; site: string }, change: 'joined' | 'lost'): void {
    for (const listener of this.#listeners) listener(worker, change);
  }
}
