import type { Log } from '../../log/log.ts';
import type { Driver, DriverHost, LiveAgent, OpenRequest, WarmAgent, WarmRequest } from './driver.ts';

export interface WarmAgentsOptions {
  /** Most that are kept, of all kinds and projects; 0: none. */
  readonly most: number;
  readonly log: Log;
  /** Whether there is memory for one more that may never be used. */
  hasMemory(): boolean;
}

interface Kept {
  readonly kind: string;
  readonly request: WarmRequest;
  readonly started: Promise<WarmAgent>;
  readonly stop: AbortController;
}

/**
 * Agents that are started ahead for the next new session of a project, one for each kind, directory, model and mode that was asked
 * for. They last as long as a session of the kind is live in the directory.
 */
export class WarmAgents {
  readonly #options: WarmAgentsOptions;
  readonly #kept = new Set<Kept>();
  #isClosed = false;

  constructor(options: WarmAgentsOptions) {
    this.#options = options;
  }

  /** Opens a session with what is warm, or as the driver does, and starts the next one ahead. */
  async open(driver: Driver, request: OpenRequest, host: DriverHost): Promise<LiveAgent> {
    const live = (await this.#openWarm(driver, request, host)) ?? (await driver.open(request, host));
    if (isForNew(request)) this.#startAhead(driver, request);
    return live;
  }

  /** No session of the kind is live in the directory any more. */
  async release(kind: string, cwd: string): Promise<void> {
    await this.#end([...this.#kept].filter(one => one.kind === kind && one.request.cwd === cwd));
  }

  /** Ends all; the memory is needed. */
  async releaseAll(): Promise<void> {
    await this.#end([...this.#kept]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.releaseAll();
  }

  get size(): number {
    return this.#kept.size;
  }

  async #openWarm(driver: Driver, request: OpenRequest, host: DriverHost): Promise<LiveAgent | undefined> {
    const kept = isForNew(request) ? this.#find(driver.kind, request) : undefined;
    if (kept === undefined) return undefined;
    this.#kept.delete(kept);
    try {
      const warm = await kept.started;
      return await warm.open(request, host);
    } catch (error) {
      request.signal.throwIfAborted();
      // One that has ended meanwhile is no reason for the session not to start.
      this.#options.log.debug({ err: error, kind: driver.kind }, 'an agent that was started ahead could not be used');
      return undefined;
    }
  }

  #find(kind: string, { cwd, model, permissionMode }: WarmRequest): Kept | undefined {
    return [...this.#kept].find(
      ({ kind: is, request }) =>
        is === kind && request.cwd === cwd && request.model === model && request.permissionMode === permissionMode,
    );
  }

  #startAhead(driver: Driver, { cwd, model, permissionMode }: OpenRequest): void {
    const { most, log, hasMemory } = this.#options;
    const { warm, kind } = driver;
    if (warm === undefined || most === 0 || this.#isClosed || !hasMemory()) return;
    const stop = new AbortController();
    const request = { cwd, permissionMode, ...(model !== undefined && { model }), signal: stop.signal };
    if (this.#find(kind, request) !== undefined) return;
    const [oldest] = this.#kept;
    if (this.#kept.size >= most && oldest !== undefined) void this.#end([oldest]);
    const started = warm(request);
    const kept = { kind, request, started, stop };
    this.#kept.add(kept);
    started.then(
      agent => agent.exited.then(() => this.#kept.delete(kept)),
      error => {
        this.#kept.delete(kept);
        if (!stop.signal.aborted) log.debug({ err: error, kind }, 'an agent was not started ahead');
      },
    );
  }

  async #end(ending: readonly Kept[]): Promise<void> {
    for (const kept of ending) {
      this.#kept.delete(kept);
      kept.stop.abort(new Error('the agent is not needed'));
    }
    const agents = await Promise.allSettled(ending.map(({ started }) => started));
    await Promise.all(agents.map(async agent => agent.status === 'fulfilled' && (await agent.value.close())));
  }
}

/** What goes on with a session needs an agent that is started with it; what runs in a box, one inside it. */
const isForNew = ({ resume, box }: OpenRequest): boolean => resume === undefined && box === undefined;
