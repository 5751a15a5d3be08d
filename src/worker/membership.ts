import { randomUUID } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import { askHub, type Link } from '../protocol/link.ts';
import type { HubRequest } from '../protocol/messages.ts';
import { Backoff } from './backoff.ts';

const BEAT_MS = 5_000;
const ASK_TIMEOUT_MS = 4_000;
/** Of the lease: heard nothing for so long, the worker stops taking work before others may take it over. */
const FENCE_AFTER = 0.8;

export interface MembershipOptions {
  readonly link: Link;
  readonly log: Log;
  readonly card: Omit<HubRequest<'worker.join'>, 'boot'>;
  /** The lease was lost: what the worker holds belongs to others by now. Called before it joins anew. */
  onLost(): Promise<void>;
  readonly beatMs?: number;
}

/** A worker's place among the hub's workers: joins, beats, knows when it must not act any more, leaves. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #closed = new AbortController();
  #boot = '';
  #leaseMs = 0;
  #heardAt = 0;
  #wasFenced = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Waits until a hub took it in; rejects when the signal is aborted or the hub refuses it. */
  async join(signal: AbortSignal): Promise<void> {
    await this.#join(AbortSignal.any([signal, this.#closed.signal]));
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

  async leave(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error('the worker is leaving'));
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
    const { link, log, card } = this.#options;
    const backoff = new Backoff({ firstMs: 50, mostMs: BEAT_MS });
    while (true) {
      // A boot that was lost must not come back: its workspaces may be others' by now.
      const boot = randomUUID();
      try {
        const askedAt = performance.now();
        const { leaseSeconds } = await askHub(
          link,
          'worker.join',
          { ...card, boot },
          { timeoutMs: ASK_TIMEOUT_MS, signal },
        );
        this.#boot = boot;
        this.#leaseMs = leaseSeconds * 1000;
        this.#heardAt = askedAt;
        this.#wasFenced = false;
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
    const { log, beatMs = BEAT_MS } = this.#options;
    while (!signal.aborted) {
      try {
        await new Backoff({ firstMs: beatMs, mostMs: beatMs }).wait(signal);
        if (await this.#beatOnce(signal)) continue;
        log.warn({}, 'the lease was lost; dropping what the worker held and joining anew');
        await this.#options.onLost();
        await this.#join(signal);
      } catch (error) {
        if (!signal.aborted) log.error({ error }, 'a beat failed');
      }
    }
  }

  /** False when the hub no longer counts this worker's boot among the living. */
  async #beatOnce(signal: AbortSignal): Promise<boolean> {
    const { link, log } = this.#options;
    const askedAt = performance.now();
    try {
      const options = { timeoutMs: ASK_TIMEOUT_MS, signal };
      const { isLive } = await askHub(link, 'worker.beat', { boot: this.#boot }, options);
      // Counted from the asking: the lease cannot have been prolonged earlier than that.
      this.#heardAt = askedAt;
      if (this.#wasFenced) log.info({}, 'a hub answers again; taking work');
      this.#wasFenced = false;
      return isLive;
    } catch (error) {
      // A hub that answers with an error is there: while its store is down nobody can take the work over either.
      if (error instanceof AppError) this.#heardAt = askedAt;
      else if (!signal.aborted) log.debug({ error }, 'a beat was not acknowledged');
    }
    if (this.isFenced && !this.#wasFenced && !signal.aborted) {
      this.#wasFenced = true;
      log.warn({}, 'no hub was heard for most of the lease; taking no more work');
    }
    return true;
  }
}
