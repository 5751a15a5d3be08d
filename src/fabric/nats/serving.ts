import type { Msg } from '@nats-io/nats-core';
import { z } from 'zod';
import type { Log } from '../../log/log.ts';
import type { Address, Closer } from '../fabric.ts';
import type { Identity } from '../identity.ts';
import type { Connection } from './connection.ts';
import { encodeAnswer } from './frames.ts';
import { RecentAnswers } from './recent-answers.ts';
import {
  ALL_WORKERS,
  ANY_HUB,
  answerSubject,
  HUB_QUEUE,
  inquirySubject,
  parseHubSubject,
  parseReplyTo,
  type ReplyTo,
  workerSubject,
} from './subjects.ts';

type Handle = (body: Uint8Array, from: string) => Promise<Uint8Array>;

const MOST_RECENT_BYTES = 8 * 1024 * 1024;

/** Numbers of requests, as a hub asks about them and as a worker answers. */
export const requestNumbers = z.array(z.int());

/** Answers what others ask of this connection. */
export class Serving {
  readonly #connection: Connection;
  readonly #identity: Identity;
  readonly #log: Log;
  /** Requests that are being handled. */
  readonly #running = new Set<string>();
  readonly #recent = new RecentAnswers(MOST_RECENT_BYTES);

  constructor({ connection, identity, log }: { connection: Connection; identity: Identity; log: Log }) {
    this.#connection = connection;
    this.#identity = identity;
    this.#log = log;
  }

  async serve(at: Address, handle: Handle): Promise<Closer> {
    if ('hub' in at) return await this.#listen(ANY_HUB, handle, { queue: HUB_QUEUE });
    if ('workers' in at) return await this.#listen(ALL_WORKERS, handle);
    const stopInquiries = await this.#connection.subscribe(inquirySubject(at.worker), message => this.#tell(message));
    const stop = await this.#listen(workerSubject(at.worker), handle);
    return async () => {
      await stop();
      await stopInquiries();
    };
  }

  #listen(subject: string, handle: Handle, options?: { queue: string }): Promise<Closer> {
    return this.#connection.subscribe(subject, message => void this.#received(message, handle), options);
  }

  async #received(message: Msg, handle: Handle): Promise<void> {
    const replyTo = this.#replyTo(message);
    if (!replyTo) return;
    const key = keyOf(replyTo);
    this.#running.add(key);
    try {
      const frame = encodeAnswer(await handle(message.data, replyTo.asker));
      const subject = answerSubject(this.#identity, replyTo);
      this.#recent.add(key, { subject, frame }, { isSent: this.#connection.publish(subject, frame) });
    } catch (error) {
      this.#log.error({ error, from: replyTo.asker }, 'a request on the fabric failed without an answer');
    } finally {
      this.#running.delete(key);
    }
  }

  /**
   * Whom to answer. A worker may put any reply subject on its request, also one where it may not speak itself, so a hub answers only
   * into the inbox of the name that the broker has put into the subject.
   */
  #replyTo({ subject, reply = '' }: Msg): ReplyTo | undefined {
    const replyTo = parseReplyTo(reply);
    const from = 'hub' in this.#identity && subject.startsWith('h.') ? parseHubSubject(subject)?.from : replyTo?.asker;
    if (replyTo && from === replyTo.asker) return replyTo;
    this.#log.warn({ subject }, 'dropped a request that asks for its answer elsewhere');
    return undefined;
  }

  /** Tells a hub which of the requests that it waits for are not here, and gives it again what it has missed. */
  #tell(message: Msg): void {
    const replyTo = this.#replyTo(message);
    const asked = requestNumbers.safeParse(jsonOf(message.data));
    if (!replyTo || !asked.success) return;
    const gone = asked.data.filter(request => {
      const key = keyOf({ ...replyTo, request });
      const missed = this.#recent.get(key);
      if (missed) this.#connection.publish(missed.subject, missed.frame);
      return !missed && !this.#running.has(key);
    });
    const frame = encodeAnswer(Buffer.from(JSON.stringify(gone)));
    this.#connection.publish(answerSubject(this.#identity, replyTo), frame);
  }

  /** The broker is back: sends what was answered meanwhile. */
  sendUnsent(): void {
    for (const { subject, frame } of this.#recent.takeUnsent()) this.#connection.publish(subject, frame);
  }
}

const keyOf = ({ nonce, request }: { nonce: string; request: number }): string => `${nonce}.${request}`;

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
