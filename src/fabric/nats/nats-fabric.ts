import { randomBytes } from 'node:crypto';
import type { Msg } from '@nats-io/nats-core';
import type { Log } from '../../log/log.ts';
import {
  type Address,
  type Closer,
  type Fabric,
  MAX_MESSAGE_BYTES,
  MessageTooLarge,
  RequestTimeout,
} from '../fabric.ts';
import {
  describe,
  type Identity,
  nameOf,
  refuseForeignPublish,
  refuseForeignRequest,
  refuseForeignServing,
  refuseForeignSubscribe,
} from '../identity.ts';
import { Connection } from './connection.ts';
import type { DialOptions } from './dial.ts';
import { decodeAnswer } from './frames.ts';
import { type Answer, gathered } from './gathering.ts';
import type { NatsHealth } from './health.ts';
import { Inquiries, type InquiryTiming } from './inquiries.ts';
import { type Listener, Pending } from './pending.ts';
import { Serving } from './serving.ts';
import {
  parseHubSubject,
  parseReplyTo,
  type ReplySubjects,
  replySubjects,
  requestSubject,
  topicSubject,
} from './subjects.ts';

const FIRST_CONNECT_MS = 30_000;

export interface NatsOptions extends Omit<DialOptions, 'firstConnectMs'> {
  readonly identity: Identity;
  /** JWT and seed: the text of a `.creds` file. Without it the broker must let anybody in. */
  readonly credentials?: string;
  readonly log: Log;
  /** How long to wait for the first connection; 30 s when left out. */
  readonly firstConnectMs?: number;
  /** How a request that was lost is found out early; what is left out has a sensible value. */
  readonly inquiries?: Partial<InquiryTiming>;
}

export interface NatsFabric extends Fabric {
  health(): Promise<NatsHealth>;
}

/**
 * Joins a fabric over core NATS. While the broker is away requests wait for it within their own time, topics are lost, and everything
 * that is served is served again once it is back. Throws BrokerUnavailable, and NotPermitted for credentials of somebody else.
 */
export async function connectNats(options: NatsOptions): Promise<NatsFabric> {
  const { identity, firstConnectMs = FIRST_CONNECT_MS, inquiries, ...rest } = options;
  const connection = await Connection.open({ ...rest, id: nameOf(identity), firstConnectMs });
  const fabric = new FabricOverNats(connection, { identity, inquiries, log: options.log });
  try {
    await fabric.start();
  } catch (error) {
    await fabric.close();
    throw error;
  }
  return fabric;
}

class FabricOverNats implements NatsFabric {
  readonly #connection: Connection;
  readonly #identity: Identity;
  readonly #log: Log;
  readonly #subjects: ReplySubjects;
  readonly #pending: Pending;
  readonly #serving: Serving;
  readonly #inquiries: Inquiries;
  readonly #closed = new AbortController();

  constructor(connection: Connection, options: Pick<NatsOptions, 'identity' | 'inquiries' | 'log'>) {
    const { identity, log } = options;
    this.#connection = connection;
    this.#identity = identity;
    this.#log = log;
    this.#subjects = replySubjects(nameOf(identity), randomBytes(8).toString('hex'));
    this.#pending = new Pending(({ subject, body, request }) =>
      connection.publish(subject, body, { reply: this.#subjects.replyTo(request) }),
    );
    this.#serving = new Serving({ connection, identity, log });
    this.#inquiries = new Inquiries({ pending: this.#pending, connection, log, ...options.inquiries });
  }

  /** Listens to the answers. */
  async start(): Promise<void> {
    this.#connection.watch({
      connected: () => {
        this.#serving.sendUnsent();
        this.#pending.sendWaiting();
      },
      publishRefused: subject => this.#pending.refused(subject),
      ended: reason => {
        if (this.#closed.signal.aborted) return;
        this.#log.error({ error: reason }, 'the connection to NATS ended for good');
        this.#end();
      },
    });
    await this.#connection.subscribe(this.#subjects.inbox, message => this.#heardInbox(message));
    if ('worker' in this.#identity) return;
    await this.#connection.subscribe(this.#subjects.answers, message => this.#heardWorker(message));
    this.#inquiries.start();
  }

  /** From hubs, and from the broker itself: nobody else may publish here. */
  #heardInbox({ subject, data, headers }: Msg): void {
    const request = parseReplyTo(subject)?.request;
    if (request === undefined) return;
    if (data.length === 0 && headers?.code === 503) this.#pending.nobodyThere(request);
    else this.#answered({ request, from: undefined, data });
  }

  #heardWorker({ subject, data }: Msg): void {
    const answer = parseHubSubject(subject);
    if (answer) this.#answered({ ...answer, data });
  }

  #answered({ request, from, data }: { request: number; from: string | undefined; data: Uint8Array }): void {
    const answer = decodeAnswer(data);
    // An answer that comes too late is as usual as a request that times out.
    if (answer && this.#pending.answered(request, from, answer)) return;
    this.#log.debug({ from }, 'dropped an answer that nothing waits for');
  }

  async request(
    to: Address,
    body: Uint8Array,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Uint8Array> {
    this.#refuse(body);
    refuseForeignRequest(this.#identity, to);
    signal?.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        leave();
        act();
      };
      const aborted = () => settle(() => reject(signal?.reason));
      const timer = setTimeout(
        () => settle(() => reject(new RequestTimeout(`no answer from ${describe(to)} within ${timeoutMs} ms`))),
        timeoutMs,
      );
      signal?.addEventListener('abort', aborted, { once: true });
      const leave = this.#ask(to, body, {
        answer: (_from, answer) => settle(() => (answer instanceof Error ? reject(answer) : resolve(answer))),
        fail: reason => settle(() => reject(reason)),
      });
    });
  }

  async *gather(
    to: Address,
    body: Uint8Array,
    options: { deadlineMs: number; expect?: string[] },
  ): AsyncIterable<Answer> {
    this.#refuse(body);
    refuseForeignRequest(this.#identity, to);
    yield* gathered(listener => this.#ask(to, body, listener), { ...options, log: this.#log });
  }

  #ask(to: Address, body: Uint8Array, listener: Listener): () => void {
    const subject = requestSubject(to, nameOf(this.#identity));
    return this.#pending.ask({ to, subject, body: Buffer.from(body), listener });
  }

  async serve(at: Address, handle: (body: Uint8Array, from: string) => Promise<Uint8Array>): Promise<Closer> {
    this.#closed.signal.throwIfAborted();
    refuseForeignServing(this.#identity, at);
    return await this.#serving.serve(at, handle);
  }

  publish(topic: string, body: Uint8Array): void {
    this.#refuse(body);
    refuseForeignPublish(this.#identity, topic);
    this.#connection.publish(topicSubject(topic), Buffer.from(body));
  }

  async subscribe(topic: string, heard: (body: Uint8Array) => void): Promise<Closer> {
    this.#closed.signal.throwIfAborted();
    refuseForeignSubscribe(this.#identity, topic);
    return await this.#connection.subscribe(topicSubject(topic), message => heard(message.data));
  }

  health(): Promise<NatsHealth> {
    return this.#connection.health();
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#end();
    await this.#connection.close();
  }

  #end(): void {
    this.#closed.abort(new Error('the fabric is closed'));
    this.#inquiries.stop();
    this.#pending.close(this.#closed.signal.reason);
  }

  #refuse(body: Uint8Array): void {
    this.#closed.signal.throwIfAborted();
    if (body.byteLength > MAX_MESSAGE_BYTES) throw new MessageTooLarge(body.byteLength);
  }
}
