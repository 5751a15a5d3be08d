import { randomUUID } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import { askHub, type Link } from '../protocol/link.ts';
import type { HubReply, HubRequest } from '../protocol/messages.ts';
import { Backoff } from './backoff.ts';

const JOIN_PAUSE_MS = 5_000;
const ASK_TIMEOUT_MS = 4_000;
/** Two may be lost before the lease is. */
const BEATS_PER_LEASE = 3;
/** Of the lease: the longest wait for the answer to a beat, and the pause before it is tried again. */
const BEAT_PATIENCE = 0.25;
const RETRY_PAUSE = 0.05;
/** Of the lease: heard nothing for so long, the worker pauses before others may take its work over. */
const FENCE_AFTER = 0.8;

export interface MembershipOptions {
  readonly link: Link;
  readonly log: Log;
  readonly card: Omit<HubRequest<'worker.join'>, 'boot' | 'isDraining'>;
  /** The lease was lost: what the worker holds belongs to others by now. Called before it joins anew. */
  onLost(): Promise<void>;
  /** No hub was heard for most of the lease: nothing may run on until `onHeard`, or until the lease is lost. */
  onSilence?(): void;
  onHeard?(): void;
  /** What must be told before a new boot fences it. */
  beforeJoin?(signal: AbortSignal): Promise<void>;
  readonly beatMs?: number;
}

/** A worker's place among the hub's workers: joins, beats, knows when it must not act any more, leaves. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #closed = new AbortController();
  #card: MembershipOptions['card'];
  #boot = '';
  /** As the hubs said last; a new boot takes it along. */
  #isDraining = false;
  #leaseMs = 0;
  #heardAt = 0;
  #wasFenced = false;
  #fence: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#card = options.card;
  }

  /** Waits until a hub took it in; rejects when the signal is aborted or the hub refuses it. */
  async join(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    await this.#options.beforeJoin?.(either);
    await this.#join(either);
    this.#beating = this.#beat();
  }

  /** No hub was heard for 0.8 of the lease. */
  get isFenced(): boolean {
    return this.silentMs > this.#leaseMs * FENCE_AFTER;
  }

  /** How long no hub was heard. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  /** Tells a hub what is new about this worker. Throws like `askHub`: then only the next boot has it on its card. */
  async change({ isDraining, ...card }: Omit<HubRequest<'worker.change'>, 'boot'>): Promise<HubReply<'worker.change'>> {
    this.#card = { ...this.#card, ...card };
    if (isDraining !== undefined) this.#isDraining = isDraining;
    // What is not said stays as the hubs have it: an operator may have changed it since the last beat.
    const change = { boot: this.#boot, ...card, ...(isDraining !== undefined && { isDraining }) };
    return await askHub(this.#options.link, 'worker.change', change, { timeoutMs: ASK_TIMEOUT_MS });
  }

  async leave(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error('the worker is leaving'));
    clearTimeout(this.#fence);
    await this.#beating;
    if (this.#boot === '') return;
    try {
      await askHub(this.#options.link, 'worker.leave', { boot: this.#boot }, { timeoutMs: ASK_TIMEOUT_MS });
    } catch (error) {
      // The lease ends by itself.
      this.#options.log.info({ error }, 'left without a hub hearing it');
    }
  }

  async #join(signal: AbortSignal): Promise<void> {
    const { link, log } = this.#options;
    const backoff = new Backoff({ firstMs: 50, mostMs: JOIN_PAUSE_MS });
    while (true) {
      // A boot that was lost must not come back: its workspaces may be others' by now.
      const boot = randomUUID();
      try {
        const askedAt = performance.now();
        const { leaseSeconds } = await askHub(
          link,
          'worker.join',
          { ...this.#card, boot, isDraining: this.#isDraining },
          { timeoutMs: ASK_TIMEOUT_MS, signal },
        );
        this.#boot = boot;
        this.#leaseMs = leaseSeconds * 1000;
        this.#heard(askedAt);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof AppError && error.code !== 'INTERNAL_ERROR') throw error;
        log.debug({ error }, 'no hub has taken the worker in yet');
      }
      await backoff.wait(signal);
    }
  }

  async #beat(): Promise<void> {
    const { signal } = this.#closed;
    const { log } = this.#options;
    let pauseMs = this.#beatMs;
    while (!signal.aborted) {
      try {
        await new Backoff({ firstMs: pauseMs, mostMs: pauseMs }).wait(signal);
        const said = await this.#beatOnce(signal);
        pauseMs = said === 'silence' ? Math.min(this.#beatMs, this.#leaseMs * RETRY_PAUSE) : this.#beatMs;
        if (said !== 'lost') continue;
        log.warn({}, 'the lease was lost; dropping what the worker held and joining anew');
        await this.#options.onLost();
        await this.#join(signal);
      } catch (error) {
        if (!signal.aborted) log.error({ error }, 'a beat failed');
      }
    }
  }

  /** As the hubs say how long a lease is; at most. */
  get #beatMs(): number {
    return this.#options.beatMs ?? this.#leaseMs / BEATS_PER_LEASE;
  }

  async #beatOnce(signal: AbortSignal): Promise<'live' | 'lost' | 'silence'> {
    const { link, log } = this.#options;
    const askedAt = performance.now();
    try {
      const options = { timeoutMs: Math.min(ASK_TIMEOUT_MS, this.#leaseMs * BEAT_PATIENCE), signal };
      const { isLive, isDraining } = await askHub(link, 'worker.beat', { boot: this.#boot }, options);
      if (!isLive) return 'lost';
      this.#isDraining = isDraining;
      // Counted from the asking: the lease cannot have been prolonged earlier than that.
      this.#heard(askedAt);
      return 'live';
    } catch (error) {
      // A hub that answers with an error is there: while its store is down nobody can take the work over either.
      if (error instanceof AppError) this.#heard(askedAt);
      else if (!signal.aborted) log.debug({ error }, 'a beat was not acknowledged');
      return 'silence';
    }
  }

  #heard(at: number): void {
    this.#heardAt = Math.max(this.#heardAt, at);
    if (this.#wasFenced && !this.isFenced) {
      this.#wasFenced = false;
      this.#options.log.info({}, 'a hub answers again; going on');
      this.#options.onHeard?.();
    }
    this.#watchSilence();
  }

  /** One timer, set again only when it fires. */
  #watchSilence(): void {
    if (this.#fence !== undefined || this.#closed.signal.aborted) return;
    const leftMs = this.#leaseMs * FENCE_AFTER - this.silentMs;
    this.#fence = setTimeout(
      () => {
        this.#fence = undefined;
        if (this.#closed.signal.aborted || this.#wasFenced) return;
        if (!this.isFenced) {
          this.#watchSilence();
          return;
        }
        this.#wasFenced = true;
        this.#options.log.warn({}, 'no hub was heard for most of the lease; pausing what runs and taking no more work');
        this.#options.onSilence?.();
      },
      Math.max(1, leftMs + 1),
    ).unref();
  }
}
