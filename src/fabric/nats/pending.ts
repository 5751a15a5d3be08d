import { type Address, type MessageTooLarge, NobodyThere, NotPermitted, RequestTimeout } from '../fabric.ts';
import { performance } from 'node:perf_hooks';
import { describe } from '../identity.ts';
import { inquirySubject } from './subjects.ts';

/** What an asker hears about one request until it leaves. */
export interface Listener {
  answer(from: string | undefined, answer: Uint8Array | MessageTooLarge): void;
  fail(reason: Error): void;
}

export interface Question {
  readonly to: Address;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly listener: Listener;
}

export interface Asked extends Question {
  readonly request: number;
  readonly askedAt: number;
  isSent: boolean;
}

/** The requests of one connection that still wait for something, by number. */
export class Pending {
  readonly #asked = new Map<number, Asked>();
  readonly #send: (asked: Asked) => boolean;
  #last = 0;

  /** `send` says whether the message is on its way; what is not goes with the next `sendWaiting`. */
  constructor(send: (asked: Asked) => boolean) {
    this.#send = send;
  }

  /** Messages leave in the order of the calls. Gives back how to stop listening. */
  ask(question: Question): () => void {
    this.#last += 1;
    const asked: Asked = { ...question, request: this.#last, askedAt: performance.now(), isSent: false };
    this.#asked.set(asked.request, asked);
    asked.isSent = this.#send(asked);
    return () => this.#asked.delete(asked.request);
  }

  /** A broker that was away is back: sends what has not been sent. What had been stays asked; its answer may yet come. */
  sendWaiting(): void {
    for (const asked of this.#asked.values()) asked.isSent ||= this.#send(asked);
  }

  /**
   * Takes an answer in. `from` is the worker that the broker vouches for, undefined for a hub; nobody but the one who was asked may
   * answer. False when nothing waits for it.
   */
  answered(request: number, from: string | undefined, answer: Uint8Array | MessageTooLarge): boolean {
    const asked = this.#asked.get(request);
    if (!asked) return false;
    if (from !== undefined && !('workers' in asked.to) && !('worker' in asked.to && asked.to.worker === from))
      return false;
    asked.listener.answer(from, answer);
    return true;
  }

  nobodyThere(request: number): void {
    const asked = this.#asked.get(request);
    asked?.listener.fail(new NobodyThere(`nobody serves ${describe(asked.to)}`));
  }

  refused(subject: string): void {
    for (const { subject: asked, to, listener } of [...this.#asked.values()]) {
      if (asked === subject)
        listener.fail(new NotPermitted(`the broker does not let this process ask ${describe(to)}`));
    }
  }

  /** Requests to single workers that have been on their way for at least this long, by worker; inquiries do not count. */
  unanswered(sinceMs: number): Map<string, number[]> {
    const before = performance.now() - sinceMs;
    const found = new Map<string, number[]>();
    for (const { to, subject, request, askedAt, isSent } of this.#asked.values()) {
      if (!isSent || askedAt > before || !('worker' in to) || subject === inquirySubject(to.worker)) continue;
      found.set(to.worker, [...(found.get(to.worker) ?? []), request]);
    }
    return found;
  }

  /** The worker does not have these requests, and no answer to them is on its way. */
  lost(requests: Iterable<number>, why: string): void {
    for (const request of requests) {
      const asked = this.#asked.get(request);
      asked?.listener.fail(new RequestTimeout(`no answer from ${describe(asked.to)}: ${why}`));
    }
  }

  close(reason: Error): void {
    for (const { listener } of [...this.#asked.values()]) listener.fail(reason);
  }
}
