import type { Activity } from './activity.ts';
import type { Deletion } from './deletion.ts';
import type { Foundation } from './foundation.ts';
import type { Ledger } from './ledger.ts';
import type { TaskRecovery } from './task-recovery.ts';
import type { WorkerBook } from './workers.ts';

/** Records that only age can end are looked for this often. */
const PRUNE_MS = 60_000;
/** Whoever follows a session may be away for so long without missing anything. */
const DAY_MS = 86_400_000;
const SESSION_EVENTS_MS = 7 * 24 * 60 * 60 * 1000;

interface Parts {
  readonly activity: Activity;
  readonly deletion: Deletion;
  readonly ledger: Ledger;
  readonly recovery: TaskRecovery;
  readonly workers: WorkerBook;
}

/** Ends what has lasted long enough: idle workspaces, old records, and blobs that no record names. */
export class Sweeper {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    background.every(timing.sweepMs, 'delete expired workspaces', () => this.deleteExpired());
    background.every(timing.sweepMs, 'reap hubs', () => this.reapHubs());
    // Soon after the start: many processes end within a minute, and each comes after some that were away for long.
    let pruneMs = timing.sweepMs;
    background.every(
      () => pruneMs,
      'prune records',
      () => {
        pruneMs = PRUNE_MS;
        return this.prune();
      },
    );
    background.every(timing.blobSweepMs, 'sweep blobs', () => this.sweepBlobs());
  }

  async deleteExpired(): Promise<void> {
    const { activity, deletion, ledger, workers } = this.#parts;
    const { store, background } = this.#foundation;
    await activity.flush();
    const live = new Set((await workers.live()).map(worker => worker.id));
    for (const workspace of await store.workspaces.expired()) {
      // A run is a use that has not ended. Nothing keeps one that is being deleted.
      if (workspace.state !== 'draining' && ledger.active(workspace.id) > 0) activity.touch(workspace.id);
      // One whose live worker another process speaks to is that process's to delete: only it can remove the files.
      else if (workers.isHeard(workspace.worker) || !live.has(workspace.worker)) {
        background.run('delete an expired workspace', () => deletion.remove(workspace));
      }
    }
  }

  /** What a lost hub had accepted and not yet sent to a worker is in nobody's hands. */
  async reapHubs(): Promise<void> {
    if ((await this.#foundation.store.hubs.reap()) > 0) await this.#parts.recovery.checkAll();
  }

  async prune(): Promise<void> {
    const { store, config } = this.#foundation;
    const now = await store.now();
    const before = now - config.tasks.retention_seconds * 1000;
    const sessionsBefore = now - SESSION_EVENTS_MS;
    await store.tasks.prune(before);
    await store.codegen.prune();
    await store.events.prune(before, { sessionsBefore });
    await store.pollPositions.prune(sessionsBefore);
    await store.uploads.prune(before);
    await store.idempotency.prune();
    await store.signIn.prune();
    await store.checkpoints.prune();
    await store.artifacts.prune();
    const { retention_days: days } = config.audit;
    if (days !== undefined) await store.audit.prune(now - days * DAY_MS);
  }

  async sweepBlobs(): Promise<void> {
    const { store, link, timing, log } = this.#foundation;
    const candidates: string[] = [];
    for await (const { sha256 } of link.blobs.list({ olderThanMs: timing.blobGraceMs })) candidates.push(sha256);
    // Read after the list, so that a blob that was named meanwhile is kept.
    const referenced = await store.referencedBlobs();
    const doomed = candidates.filter(sha256 => !referenced.has(sha256));
    for (const sha256 of doomed) await link.blobs.delete(sha256);
    if (doomed.length > 0) log.info({ blobs: doomed.length }, 'unreferenced blobs removed');
  }
}
