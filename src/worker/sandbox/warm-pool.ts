import type { Log } from '../../log/log.ts';

/** Making spares takes the processor from those who just took one; it waits until nobody has taken one for so long. */
const REFILL_AFTER_MS = 30;
/** Where one was taken to go on with work of a worker that was lost, there is much to do at once, on all machines. */
const REFILL_LATER_MS = 2_000;
/** After a failure, so that a machine in trouble is not kept busy. */
const RETRY_AFTER_MS = 10_000;

export interface WarmPoolOptions<Spare> {
  readonly size: number;
  readonly log: Log;
  make(signal: AbortSignal): Promise<Spare>;
  /** Settles when the spare is of no use any more. */
  gone(spare: Spare): Promise<unknown>;
  discard(spare: Spare): Promise<void>;
}

/** Keeps a few things ready that take long to make. */
export class WarmPool<Spare> {
  readonly #options: WarmPoolOptions<Spare>;
  readonly #ready: Spare[] = [];
  readonly #closed = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #making: Promise<void> | undefined;
  /** Waits for the spare that is being made. */
  #claim: ((spare: Spare | undefined) => void) | undefined;

  constructor(options: WarmPoolOptions<Spare>) {
    this.#options = options;
    this.#schedule(0);
  }

  get ready(): number {
    return this.#ready.length;
  }

  /**
   * One that is ready; else the next that is made, for one caller at a time. Undefined when the caller had better make its own.
   * It is the caller's from now on. `refillsLater`: others are likely to take some too, and need the processor.
   */
  async take({ refillsLater = false }: { refillsLater?: boolean } = {}): Promise<Spare | undefined> {
    const spare = this.#ready.shift();
    if (spare !== undefined) {
      this.#schedule(refillsLater ? REFILL_LATER_MS : REFILL_AFTER_MS);
      return spare;
    }
    if (this.#options.size === 0 || this.#claim !== undefined || this.#closed.signal.aborted) return undefined;
    const { promise, resolve } = Promise.withResolvers<Spare | undefined>();
    this.#claim = resolve;
    this.#start();
    return await promise;
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('the pool is closed'));
    clearTimeout(this.#timer);
    await this.#making;
    await Promise.all(this.#ready.splice(0).map(spare => this.#discard(spare)));
  }

  #schedule(afterMs: number): void {
    if (this.#options.size === 0 || this.#closed.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), afterMs).unref();
  }

  #start(): void {
    this.#making ??= this.#fill().finally(() => {
      this.#making = undefined;
      this.#grant(undefined);
    });
  }

  /** One after another, so that no more than one processor is kept busy. */
  async #fill(): Promise<void> {
    const { size, make, gone, log } = this.#options;
    const { signal } = this.#closed;
    while ((this.#ready.length < size || this.#claim !== undefined) && !signal.aborted) {
      try {
        const spare = await make(signal);
        if (this.#grant(spare)) continue;
        this.#ready.push(spare);
        gone(spare).then(
          () => this.#drop(spare),
          () => this.#drop(spare),
        );
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error }, 'a spare box could not be made');
        this.#schedule(RETRY_AFTER_MS);
        return;
      }
    }
  }

  /** To who waits for it, if somebody does. */
  #grant(spare: Spare | undefined): boolean {
    const claim = this.#claim;
    this.#claim = undefined;
    claim?.(spare);
    return claim !== undefined;
  }

  #drop(spare: Spare): void {
    const index = this.#ready.indexOf(spare);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    void this.#discard(spare);
    this.#schedule(RETRY_AFTER_MS);
  }

  async #discard(spare: Spare): Promise<void> {
    try {
      await this.#options.discard(spare);
    } catch (error) {
      this.#options.log.warn({ error }, 'a spare box could not be removed');
    }
  }
}
