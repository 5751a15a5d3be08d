import { setTimeout as delay } from 'node:timers/promises';
import type { AppError } from '../../../errors/app-error.ts';
import type { Log } from '../../../log/log.ts';
import type { OpenSession } from '../../../protocol/presence.ts';
import { agentUnavailable } from '../unavailable.ts';
import type { StartingTerminal } from './starting-terminals.ts';

const AGENT = 'claude';
/** Asking an agent costs a start of its program; looking for signs of a change costs next to nothing. */
const SIGNS_MS = 400;
/** Signs may be others in a version to come: then presence is known at least so soon. */
const LOOK_MS = 20_000;
/** A transcript that grows says little: it asks for a look no more often than this. */
const NUDGE_MS = 2_000;
/** Between two looks whether a terminal that is being opened says by now what it has open, and for how long. */
const STARTING_LOOK_MS = 50;
const STARTING_LOOKS = 100;

export interface PresenceOptions {
  readonly log: Log;
  /** Everything that is open, also what we drive; undefined where the agent is not installed. Rejects when it cannot be told. */
  list(signal: AbortSignal): Promise<OpenSession[] | undefined>;
  /** Another text whenever something may have changed. */
  signs(): string;
  /** Terminals that are being opened and do not say yet what they have open; at once, unless some may be. */
  starting(how: { isThorough: boolean }): readonly StartingTerminal[] | Promise<readonly StartingTerminal[]>;
  /** Processes of ours, at this moment. */
  ownPids(): readonly number[];
  ownAmong(pids: readonly number[], roots: readonly number[]): Promise<Set<number>>;
  /** Other than before; also told of the first look. */
  changed(open: readonly OpenSession[]): void;
}

interface Look {
  readonly signs: string;
  readonly at: number;
  readonly open: readonly OpenSession[];
  /** False: the agent did not say, and this is what it said before. */
  readonly isCertain: boolean;
}

/** Which sessions users of this machine have open in terminals, without those that this worker drives. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #closed = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #last: Look | undefined;
  #looking: Promise<Look> | undefined;
  #next: Promise<Look> | undefined;
  #watching: Promise<void> | undefined;
  #nudgedAt = Number.NEGATIVE_INFINITY;
  #isUnable = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#watch(), SIGNS_MS);
    this.#timer.unref();
    this.#watch();
  }

  /** As of the last look. */
  get open(): readonly OpenSession[] {
    return this.#last?.open ?? [];
  }

  isOpen(agentSessionId: string): boolean {
    return this.open.some(one => one.agentSessionId === agentSessionId);
  }

  /**
   * As of now: waits for what is just being opened, and looks anew if anything may have changed. Throws AGENT_UNAVAILABLE when it
   * cannot be told.
   */
  async find(agentSessionId: string): Promise<OpenSession | undefined> {
    try {
      const looked = this.#opening(agentSessionId, { isThorough: false });
      const opening = looked instanceof Promise ? await looked : looked;
      if (opening !== undefined) return opening;
      const last = this.#last;
      const isCurrent = last !== undefined && last.signs === this.#options.signs();
      const { open } = isCurrent && last.isCertain ? last : await this.#look();
      return open.find(one => one.agentSessionId === agentSessionId);
    } catch (error) {
      throw cannotTell(error);
    }
  }

  /** As `find`, but as of the last look where it cannot be told. */
  async seen(agentSessionId: string): Promise<OpenSession | undefined> {
    try {
      return await this.find(agentSessionId);
    } catch (error) {
      this.#unable(error);
      return this.open.find(one => one.agentSessionId === agentSessionId);
    }
  }

  /** As `find`, but looks anew whatever the signs are. */
  async check(agentSessionId: string): Promise<OpenSession | undefined> {
    try {
      const opening = await this.#opening(agentSessionId, { isThorough: true });
      if (opening !== undefined) return opening;
      return (await this.#look()).open.find(one => one.agentSessionId === agentSessionId);
    } catch (error) {
      throw cannotTell(error);
    }
  }

  /** Something that we do not drive is at work: whether it is a terminal is worth a look. */
  nudge(): void {
    if (performance.now() - this.#nudgedAt < NUDGE_MS) return;
    this.#nudgedAt = performance.now();
    this.#look().catch(error => this.#unable(error));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closed.abort(new Error('presence is closed'));
    await this.#watching;
    await Promise.allSettled([this.#looking, this.#next]);
  }

  /**
   * The terminal that is being opened with this session: at once where none is being opened, else when no other that is may turn out to
   * have it.
   */
  #opening(agentSessionId: string, how: { isThorough: boolean }): Promise<OpenSession | undefined> | undefined {
    const starting = this.#options.starting(how);
    const isNone = !(starting instanceof Promise) && starting.length === 0;
    return isNone ? undefined : this.#untilOpened(agentSessionId, { ...how, first: starting });
  }

  async #untilOpened(
    agentSessionId: string,
    { first, ...how }: { isThorough: boolean; first: ReturnType<PresenceOptions['starting']> },
  ): Promise<OpenSession | undefined> {
    for (let looks = 0; looks < STARTING_LOOKS; looks += 1) {
      const starting = await (looks === 0 ? first : this.#options.starting(how));
      const its = starting.find(({ opens }) => opens === agentSessionId);
      if (its !== undefined) return { agent: AGENT, agentSessionId, pid: its.pid, status: 'idle', since: its.since };
      if (starting.every(({ opens }) => opens !== undefined)) return undefined;
      await delay(STARTING_LOOK_MS, undefined, { signal: this.#closed.signal });
    }
    return undefined;
  }

  #watch(): void {
    this.#watching ??= this.#watchOnce().finally(() => {
      this.#watching = undefined;
    });
  }

  async #watchOnce(): Promise<void> {
    try {
      const last = this.#last;
      const isOld = last === undefined || performance.now() - last.at > LOOK_MS;
      if (isOld || last.signs !== this.#options.signs()) await this.#look();
    } catch (error) {
      this.#unable(error);
    }
  }

  /** What a look that has begun already sees may be from before now, so whoever comes meanwhile shares the next one. */
  #look(): Promise<Look> {
    if (this.#looking === undefined) return this.#begin();
    this.#next ??= this.#looking.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<Look> {
    this.#next = undefined;
    const looking = this.#lookOnce().finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    this.#looking = looking;
    return looking;
  }

  async #lookOnce(): Promise<Look> {
    const { signal } = this.#closed;
    signal.throwIfAborted();
    const at = performance.now();
    // Before the look: what changes meanwhile is seen by the next one.
    const signs = this.#options.signs();
    const before = this.#options.ownPids();
    const listed = await this.#list(signs, signal);
    const roots = [...before, ...this.#options.ownPids()];
    const own = await this.#options.ownAmong(
      listed.map(({ pid }) => pid),
      roots,
    );
    const open = listed.filter(({ pid }) => !own.has(pid)).sort((a, b) => a.pid - b.pid);
    const isOther = this.#last === undefined || JSON.stringify(open) !== JSON.stringify(this.#last.open);
    this.#last = { signs, at, open, isCertain: true };
    this.#isUnable = false;
    if (isOther) this.#options.changed(open);
    return this.#last;
  }

  async #list(signs: string, signal: AbortSignal): Promise<OpenSession[]> {
    try {
      return (await this.#options.list(signal)) ?? [];
    } catch (error) {
      // Until something changes there is no sense in asking again at once.
      this.#last = { signs, at: performance.now(), open: this.open, isCertain: false };
      throw error;
    }
  }

  /** Said once, not with every look. */
  #unable(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    if (!this.#isUnable)
      this.#options.log.warn({ err: error }, 'it cannot be told which sessions are open in terminals');
    this.#isUnable = true;
  }
}

const cannotTell = (cause: unknown): AppError =>
  agentUnavailable(AGENT, {
    reason: 'it does not tell which sessions are open',
    hint: 'update Claude Code: its command `claude agents --json` must work',
    cause,
  });
