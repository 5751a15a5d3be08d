import { currentScope, inScope } from '../../telemetry/scope.ts';

/**
 * `job`: one at a time. `gate`: waits until everything accepted earlier has started, then runs beside the job of the moment.
 * What never waits does not stand in the line at all.
 */
export type EntryKind = 'job' | 'gate';

/**
 * Does the work of an entry; must not reject. A job calls `begun` when it has started, so that what waits only for that may go
 * on; a job that nothing may run beside never calls it.
 */
export type Work = (begun: () => void, sequence: number) => Promise<void>;

export interface Place {
  readonly sequence: number;
  /** Leaves the line. False when it has been started already. */
  withdraw(): boolean;
}

interface Entry {
  readonly kind: EntryKind;
  readonly sequence: number;
  readonly work: Work;
}

/**
 * The order of work in one workspace. Entries start in the order of acceptance; jobs run one at a time; a job also waits for
 * gates before it to end, so that a run sees what was written before it. Starts synchronously whatever may start.
 */
export class Line {
  readonly #waiting: Entry[] = [];
  #sequence: number;
  #job: Entry | undefined;
  /** The job that was given its turn and has not begun: nothing after it may start. */
  #starting: Entry | undefined;
  #openGates = 0;
  #whenIdle: PromiseWithResolvers<void> | undefined;

  constructor({ lastSequence }: { lastSequence: number }) {
    this.#sequence = lastSequence;
  }

  /** Entries that have not been given their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isIdle(): boolean {
    return this.#job === undefined && this.#openGates === 0 && this.#waiting.length === 0;
  }

  /** The number that was given last. */
  get lastSequence(): number {
    return this.#sequence;
  }

  /** Settles when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    if (this.isIdle) return;
    this.#whenIdle ??= Promise.withResolvers<void>();
    await this.#whenIdle.promise;
  }

  /** Gives the next sequence number. The work may start before this returns; it belongs to the call that is served now. */
  accept(kind: EntryKind, work: Work): Place {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const scope = currentScope();
    const entry: Entry = { kind, sequence, work: (begun, number) => inScope(scope, () => work(begun, number)) };
    this.#waiting.push(entry);
    this.#advance();
    return { sequence, withdraw: () => this.#withdraw(entry) };
  }

  #withdraw(entry: Entry): boolean {
    const index = this.#waiting.indexOf(entry);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    // What stood behind it may have waited for nothing else.
    this.#advance();
    return true;
  }

  #advance(): void {
    while (this.#starting === undefined) {
      const next = this.#waiting[0];
      if (next === undefined) {
        this.#tellIdle();
        return;
      }
      if (next.kind === 'job' && (this.#job !== undefined || this.#openGates > 0)) return;
      this.#waiting.shift();
      this.#start(next);
    }
  }

  #tellIdle(): void {
    if (!this.isIdle) return;
    this.#whenIdle?.resolve();
    this.#whenIdle = undefined;
  }

  #start(entry: Entry): void {
    if (entry.kind === 'gate') {
      this.#openGates += 1;
      void entry
        .work(() => {}, entry.sequence)
        .finally(() => {
          this.#openGates -= 1;
          this.#advance();
        });
      return;
    }
    this.#job = entry;
    this.#starting = entry;
    const begun = () => {
      if (this.#starting !== entry) return;
      this.#starting = undefined;
      this.#advance();
    };
    void entry.work(begun, entry.sequence).finally(() => {
      this.#job = undefined;
      if (this.#starting === entry) this.#starting = undefined;
      this.#advance();
    });
  }
}
