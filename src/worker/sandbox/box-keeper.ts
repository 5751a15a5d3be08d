import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import { countBoxStart } from '../../telemetry/metrics.ts';
import { traced } from '../../telemetry/tracing.ts';
import type { Boxd } from './boxd/boxd.ts';
import type { ToolEgress } from './tools/toolbox.ts';
import type { Box, BoxExit, BoxExitKind } from './engine.ts';
import { LimitCounters } from './limit-counters.ts';

/** A box with its boxd and its proxy, as the housing hands it over. */
export interface HousedBox {
  readonly box: Box;
  readonly boxd: Boxd;
  readonly egress: ToolEgress & { close(): Promise<void> };
}

export interface LiveBox extends HousedBox {
  readonly generation: number;
  readonly counters: LimitCounters;
  /** Settles once nothing of the box is left, with why it ended. */
  readonly gone: Promise<BoxExit>;
}

export interface BoxChange {
  readonly generation: number;
  readonly state: 'ready' | 'stopped' | 'failed';
  readonly reason: string | null;
}

export interface BoxKeeperOptions {
  /** Of the last box; the next one has one more. */
  readonly generation: number;
  readonly idleStopMs: number;
  readonly log: Log;
  /** Makes a box with the workspace's files. */
  house(signal: AbortSignal): Promise<HousedBox>;
  onChange(change: BoxChange): void;
}

/** boxd is gone and its box does not end by itself. */
const EXIT_GRACE_MS = 1_000;

/**
 * The box of one workspace: made when it is first needed, made anew after it died, stopped when nobody used it for a while.
 * There is never more than one.
 */
export class BoxKeeper {
  readonly #options: BoxKeeperOptions;
  readonly #closed = new AbortController();
  #generation: number;
  #live: LiveBox | undefined;
  #starting: Promise<LiveBox> | undefined;
  /** The end of the last box: a new one must not share files with what is left of it. */
  #ending: Promise<unknown> | undefined;
  #users = 0;
  #idleSince = performance.now();
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: BoxKeeperOptions) {
    this.#options = options;
    this.#generation = options.generation;
  }

  /** Rises with every new box. */
  get generation(): number {
    return this.#generation;
  }

  /** The box, where one is ready for use. */
  get live(): LiveBox | undefined {
    return this.#live;
  }

  get isStarting(): boolean {
    return this.#starting !== undefined;
  }

  /** The box, made now unless there is one. Throws SANDBOX_DIED when it could not be made, and what the engine refuses. */
  ensure(): Promise<LiveBox> {
    if (this.#live !== undefined) return Promise.resolve(this.#live);
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Counts a user: the box is not idle until `leave`. */
  enter(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#idleSince = performance.now();
    this.#watchIdleness();
  }

  /** Ends the box, if there is one, for good reason. Settles when nothing of it is left. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    const live = this.#live;
    if (live !== undefined) this.#end(live, 'stopped');
    await this.#ending;
  }

  /** Stops, and makes no box any more. Legal in every state. */
  async close(): Promise<void> {
    this.#closed.abort(new AppError('WORKSPACE_NOT_FOUND', 'the workspace has been closed'));
    clearTimeout(this.#idleTimer);
    await this.stop();
  }

  async #start(): Promise<LiveBox> {
    const { house, log, onChange } = this.#options;
    const { signal } = this.#closed;
    await this.#ending;
    signal.throwIfAborted();
    let housed: HousedBox;
    const startedAt = performance.now();
    try {
      housed = await traced('box start', () => house(signal));
      countBoxStart('ok', performance.now() - startedAt);
    } catch (error) {
      signal.throwIfAborted();
      countBoxStart('failed', performance.now() - startedAt);
      if (error instanceof AppError) throw error;
      log.error({ error }, 'a box could not be started');
      throw died('engine_lost', 'could not be started');
    }
    this.#generation += 1;
    const { promise: gone, resolve } = Promise.withResolvers<BoxExit>();
    const live = { ...housed, generation: this.#generation, counters: new LimitCounters(housed.box), gone };
    this.#live = live;
    void this.#watch(live, resolve);
    onChange({ generation: live.generation, state: 'ready', reason: null });
    this.#watchIdleness();
    return live;
  }

  /** Sees a box to its end, whoever ends it. */
  async #watch(live: LiveBox, resolve: (exit: BoxExit) => void): Promise<void> {
    const { box, boxd, egress } = live;
    const { onChange, log } = this.#options;
    await Promise.race([boxd.closed, box.exited]);
    const wasWanted = this.#live !== live;
    if (!wasWanted) this.#live = undefined;
    const ended = this.#settle(live);
    if (!wasWanted) this.#ending = ended;
    const exit = await ended;
    await egress.close().catch((error: unknown) => log.warn({ error }, 'a proxy did not close'));
    if (!wasWanted) log.warn({ kind: exit.kind, detail: exit.detail, generation: live.generation }, 'a box died');
    const state = wasWanted ? 'stopped' : 'failed';
    onChange({ generation: live.generation, state, reason: wasWanted ? null : reasonOf(exit) });
    resolve(exit);
  }

  /** Waits for the box's own word on why it ended; one that does not end without its boxd is ended. */
  async #settle({ box }: LiveBox): Promise<BoxExit> {
    const timer = setTimeout(() => this.#destroy(box, 'killed'), EXIT_GRACE_MS);
    const exit = await box.exited;
    clearTimeout(timer);
    await this.#destroy(box, exit.kind);
    return exit;
  }

  #end(live: LiveBox, reason: BoxExitKind): void {
    this.#live = undefined;
    this.#ending = Promise.all([this.#destroy(live.box, reason), live.gone]);
  }

  async #destroy(box: Box, reason: BoxExitKind): Promise<void> {
    try {
      await box.destroy(reason);
    } catch (error) {
      this.#options.log.error({ error }, 'a box could not be removed');
    }
  }

  /** One timer for a workspace, set again only when it fires: a call costs none. */
  #watchIdleness(): void {
    if (this.#idleTimer !== undefined || this.#live === undefined || this.#closed.signal.aborted) return;
    const leftMs = this.#idleSince + this.#options.idleStopMs - performance.now();
    this.#idleTimer = setTimeout(
      () => {
        this.#idleTimer = undefined;
        if (this.#users > 0 || this.#live === undefined) return;
        if (performance.now() - this.#idleSince >= this.#options.idleStopMs) this.#end(this.#live, 'stopped');
        else this.#watchIdleness();
      },
      Math.max(1, leftMs),
    );
    this.#idleTimer.unref();
  }
}

/** As the contract names it. */
function reasonOf({ kind }: BoxExit): string {
  return kind === 'stopped' ? 'killed' : kind;
}

/** SANDBOX_DIED for what was under way in a box that ended so. */
export function sandboxDied(exit: BoxExit): AppError {
  return died(reasonOf(exit), 'died during the call');
}

function died(reason: string, what: string): AppError {
  return new AppError('SANDBOX_DIED', `the sandbox ${what}: ${reason}`, { details: { reason } });
}
