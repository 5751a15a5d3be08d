import type { HubReply, HubRequest } from '../protocol/messages.ts';
import type { WorkerRecord } from '../store/rows.ts';
import { workerIsLive, workerLost, workerNotFound } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Workers, WorkerView } from './hub.ts';
import { LeaseWatch } from './lease-watch.ts';

type Join = Omit<WorkerRecord, 'joinedAt' | 'leaseUntil' | 'isDraining'> & { readonly isDraining?: boolean };
type Change = HubRequest<'worker.change'>;
/**
 * Hears of a worker that came, that left, or that was lost: of the latter, one hub of all. `site` is where its workspaces' files are.
 */
export type WorkerListener = (worker: { id: string; site: string }, change: 'joined' | 'left' | 'lost') => void;

/** Short leases are looked at more often. */
const LOOKS_MS_PER_LEASE_SECOND = 40;
/** A loss is seen two looks after the lease, so one that is about to run out is looked at closely. */
const CLOSE_LOOK_MS = 50;

/** The workers and their leases. */
export class WorkerBook implements Omit<Workers, 'waiting'> {
  readonly #foundation: Foundation;
  /** Those that spoke to this very hub, which can therefore reach them; with their current boot. */
  readonly #heard = new Map<string, { boot: string; site: string }>();
  /** Ends what waits for a worker when that is lost. */
  readonly #waiting = new Map<string, Map<(reason: unknown) => void, number>>();
  /** How often was looked for workers that others have lost. */
  #looks = 0;
  /** As of the last look. */
  #holding: ReadonlyMap<string, unknown> | undefined;
  /** A lease may run out before the next usual look, or somebody waits for a worker that is lost. */
  #isClose = false;
  readonly #listeners: WorkerListener[] = [];
  readonly #offerListeners: (() => void)[] = [];
  readonly #watch: LeaseWatch;
  readonly #reapMs: number;

  constructor(foundation: Foundation) {
    this.#foundation = foundation;
    const { background, timing } = foundation;
    this.#watch = new LeaseWatch({ leaseMs: timing.leaseSeconds * 1000 });
    const reapMs = Math.min(timing.sweepMs, timing.reapMs, timing.leaseSeconds * LOOKS_MS_PER_LEASE_SECOND);
    this.#reapMs = reapMs;
    background.every(
      () => (this.#isClose ? Math.min(CLOSE_LOOK_MS, reapMs) : reapMs),
      'reap workers',
      () => this.reap(),
    );
  }

  onChange(listener: WorkerListener): void {
    this.#listeners.push(listener);
  }

  /** Hears when a worker offers more or less than before: it is drained or no longer, or has other slots or labels. */
  onOffer(listener: () => void): void {
    this.#offerListeners.push(listener);
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
    for (const heard of this.#offerListeners) heard();
  }

  /** What a worker says of itself anew. */
  async change(id: string, { boot, isDraining, ...card }: Change): Promise<HubReply<'worker.change'>> {
    const { workers } = this.#foundation.store;
    if (!(await workers.change({ id, boot }, card))) return { isLive: false, others: 0 };
    const live = await this.live();
    const before = live.find(other => other.id === id);
    if (before !== undefined) this.#heard.set(id, { boot, site: before.site });
    if (isDraining !== undefined) await workers.setDraining(id, isDraining);
    for (const heard of this.#offerListeners) heard();
    const used = await workers.slotsUsed();
    const others = live.filter(
      other => other.id !== id && !other.isDraining && other.slots > (used.get(other.id) ?? 0),
    );
    return { isLive: true, others: others.length };
  }

  /** Forgets a worker. One that is live loses what it holds, and joins again if its process runs on: it takes `force`. */
  async remove(id: string, { force }: { force: boolean }): Promise<void> {
    const worker = (await this.views()).find(other => other.record.id === id);
    if (worker === undefined) throw workerNotFound(id);
    if (worker.state !== 'lost' && !force) throw workerIsLive(id, worker.used);
    await this.leave(id, worker.record.boot);
  }

  /** Those with a lease, and those that were lost within a day. */
  async views(): Promise<WorkerView[]> {
    const { store, timing } = this.#foundation;
    const now = await store.now();
    const [known, lost, used] = await Promise.all([this.list(), store.workers.lost(), store.workers.slotsUsed()]);
    const view = async (record: WorkerRecord): Promise<WorkerView> => {
      const isLive = record.leaseUntil > now;
      return {
        record,
        state: isLive ? (record.isDraining ? 'draining' : 'live') : 'lost',
        used: (isLive ? used.get(record.id) : undefined) ?? (await store.workspaces.heldBy(record.id)).length,
        lastHeardAt: record.leaseUntil - timing.leaseSeconds * 1000,
        leaseLeftSeconds: Math.max(0, (record.leaseUntil - now) / 1000),
      };
    };
    return await Promise.all([...known, ...lost].map(view));
  }

  async join(worker: Join): Promise<{ leaseSeconds: number }> {
    const { store, timing } = this.#foundation;
    const before = this.#heard.get(worker.id);
    await store.workers.join({ ...worker, isDraining: worker.isDraining ?? false }, timing.leaseSeconds);
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
    const known = [...(await this.list()), ...(await store.workers.lost())];
    const worker = known.find(other => other.id === id && other.boot === boot);
    await store.workers.leave(id, boot);
    if (worker !== undefined) this.#lose(worker, 'left');
  }

  /** Whether what the rows give to this worker is its own: it was not reaped, though its lease may have run out. */
  async holds(id: string): Promise<boolean> {
    return (await this.#foundation.store.workers.holding()).has(id);
  }

  /**
   * As of the last look it was reaped, or it has joined since: worth a question to `holds`, as a worker that only stood still takes
   * requests and answers none.
   */
  mayBeLost(id: string): boolean {
    return this.#holding !== undefined && !this.#holding.has(id) && !this.#heard.has(id);
  }

  /** Ends the leases that ran out while the store was there, and what waits here for workers that any hub has lost. */
  async reap(): Promise<void> {
    const { store, log } = this.#foundation;
    let asOf: number | undefined;
    let now: number;
    try {
      now = await store.now();
      asOf = this.#watch.look(now);
    } catch (error) {
      this.#watch.missed();
      throw error;
    }
    for (const worker of asOf === undefined ? [] : await store.workers.reap(asOf)) {
      log.warn({ worker: worker.id }, 'worker lost: its lease ran out');
      this.#lose(worker, 'lost');
    }
    await this.#missOthers(now);
  }

  /** Settles like `answer`, but fails with SANDBOX_DIED as soon as the worker is lost. */
  whileAlive<Value>(worker: string, answer: Promise<Value>): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const waiting = this.#waiting.get(worker) ?? new Map();
    this.#waiting.set(worker, waiting.set(reject, this.#looks));
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

  /** Another hub has reaped or taken in the next boot of a worker from which somebody here waits for an answer. */
  async #missOthers(time: number): Promise<void> {
    const known = [...this.#heard];
    const holding = await this.#foundation.store.workers.holding();
    for (const [id, last] of known) {
      const now = holding.get(id)?.boot;
      // Heard again in the meantime: what was read is older than that.
      if (now === last.boot || this.#heard.get(id) !== last) continue;
      if (now === undefined) {
        this.#heard.delete(id);
        continue;
      }
      this.#heard.set(id, { ...last, boot: now });
      // What was asked since the last look was asked of the new boot.
      this.#failWaiting(id, { before: this.#looks });
    }
    const lost = [...this.#waiting.keys()].filter(id => !holding.has(id));
    for (const id of lost) this.#failWaiting(id, { before: this.#looks });
    this.#looks += 1;
    this.#holding = holding;
    const ends = [...holding.values()].map(({ leaseUntil }) => leaseUntil);
    this.#isClose = lost.length > 0 || Math.min(...ends) - time <= this.#reapMs;
  }

  #lose(worker: { id: string; site: string }, change: 'left' | 'lost'): void {
    this.#heard.delete(worker.id);
    this.#failWaiting(worker.id);
    this.#tell({ id: worker.id, site: worker.site }, change);
  }

  #failWaiting(id: string, { before = Number.POSITIVE_INFINITY }: { before?: number } = {}): void {
    for (const [reject, look] of this.#waiting.get(id) ?? []) if (look < before) reject(workerLost());
  }

  #tell(worker: { id: string; site: string }, change: 'joined' | 'left' | 'lost'): void {
    for (const listener of this.#listeners) listener(worker, change);
  }
}
