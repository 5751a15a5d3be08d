import {
  type Address,
  type Closer,
  type Fabric,
  MAX_MESSAGE_BYTES,
  MessageTooLarge,
  NobodyThere,
  type RequestOptions,
  RequestTimeout,
} from './fabric.ts';
import { LocalServers } from './local-servers.ts';
import {
  describe,
  type Identity,
  nameOf,
  refuseForeignPublish,
  refuseForeignRequest,
  refuseForeignServing,
  refuseForeignSubscribe,
} from './identity.ts';

type Handle = (body: Uint8Array, from: string) => Promise<Uint8Array>;
type Server = { readonly id: string; readonly handle: Handle };
type Heard = (body: Uint8Array) => void;
type Answer = { readonly from: string; readonly body: Uint8Array };

export interface InProcessBus {
  connect(identity: Identity): Fabric;
}

/**
 * A fabric inside one process that behaves as one over a network: bytes are copied, delivery is asynchronous and in
 * order, a handler that throws answers nothing, an unheard message is lost. `onError` hears what a handler threw; without
 * it the failure is a warning of the process. With `isDirect` the parties may also offer each other what needs no messages.
 */
export function createInProcessBus(
  options: { onError?: (error: unknown) => void; isDirect?: boolean } = {},
): InProcessBus {
  const bus = new Bus(options.onError ?? (error => process.emitWarning(toError(error))));
  const servers = options.isDirect === true ? new LocalServers() : undefined;
  return { connect: identity => new InProcessFabric(bus, { identity, servers }) };
}

/** Who serves which subject and who hears which topic. */
class Bus {
  readonly onError: (error: unknown) => void;
  readonly #servers = new Map<string, Server[]>();
  readonly #listeners = new Map<string, Set<Heard>>();
  #turn = 0;

  constructor(onError: (error: unknown) => void) {
    this.onError = onError;
  }

  serve(at: Address, server: Server): () => void {
    const subject = subjectOf(at);
    this.#servers.set(subject, [...(this.#servers.get(subject) ?? []), server]);
    return () => {
      const rest = (this.#servers.get(subject) ?? []).filter(other => other !== server);
      if (rest.length === 0) this.#servers.delete(subject);
      else this.#servers.set(subject, rest);
    };
  }

  /** Everyone who gets a message for this address: one of the hubs in turn, or all that serve it. */
  receivers(to: Address): readonly Server[] {
    const servers = this.#servers.get(subjectOf(to)) ?? [];
    if (!('hub' in to) || servers.length < 2) return servers;
    this.#turn = (this.#turn + 1) % servers.length;
    return servers.slice(this.#turn, this.#turn + 1);
  }

  subscribe(topic: string, heard: Heard): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(heard));
    return () => {
      listeners.delete(heard);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
    };
  }

  publish(topic: string, body: Uint8Array): void {
    for (const heard of this.#listeners.get(topic) ?? []) {
      const copy = copyOf(body);
      queueMicrotask(() => {
        // Looked up again, so that nobody hears anything after unsubscribing.
        if (!this.#listeners.get(topic)?.has(heard)) return;
        try {
          heard(copy);
        } catch (error) {
          this.onError(error);
        }
      });
    }
  }

  /** Hands one copy to the server in a later microtask; microtasks run in order, which keeps the order per sender. */
  deliver(server: Server, message: Answer, answered: (answer: Answer | MessageTooLarge) => void): void {
    const copy = copyOf(message.body);
    queueMicrotask(async () => {
      try {
        const reply = await server.handle(copy, message.from);
        if (reply.byteLength <= MAX_MESSAGE_BYTES) answered({ from: server.id, body: copyOf(reply) });
        else answered(new MessageTooLarge(reply.byteLength));
      } catch (error) {
        this.onError(error);
      }
    });
  }
}

/** One party's connection. Whatever it has open, and whatever it waits for, ends with `close`. */
class InProcessFabric implements Fabric {
  readonly #bus: Bus;
  readonly #identity: Identity;
  readonly #closers = new Set<() => void>();
  readonly #closed = new AbortController();

  readonly local: Fabric['local'];

  constructor(bus: Bus, { identity, servers }: { identity: Identity; servers: LocalServers | undefined }) {
    this.#bus = bus;
    this.#identity = identity;
    this.local = servers && {
      servers,
      name: nameOf(identity),
      limited: (to, answer, options) =>
        this.#limited(to, options, (resolve, reject) => {
          answer.then(resolve, reject);
        }),
    };
  }

  async request(to: Address, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    this.#refuse(body);
    refuseForeignRequest(this.#identity, to);
    options.signal?.throwIfAborted();
    const receivers = this.#bus.receivers(to);
    if (receivers.length === 0) throw new NobodyThere(`nobody serves ${describe(to)}`);
    return await this.#limited(to, options, (resolve, reject) => {
      const message = { from: nameOf(this.#identity), body };
      for (const server of receivers) {
        // Settling twice does nothing, so the first answer wins and later ones are dropped.
        this.#bus.deliver(server, message, answer => {
          if (answer instanceof Error) reject(answer);
          else resolve(answer.body);
        });
      }
    });
  }

  /** Settles as what `start` begins, but no later than the options and the end of this fabric let it. */
  #limited<Value>(
    to: Address,
    { timeoutMs, signal }: RequestOptions,
    start: (resolve: (value: Value) => void, reject: (error: unknown) => void) => void,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      // Most are answered within the same turn of the event loop, and need no timer.
      const later = setImmediate(() => {
        timer = setTimeout(
          () => settle(() => reject(new RequestTimeout(`no answer from ${describe(to)} within ${timeoutMs} ms`))),
          timeoutMs,
        );
      });
      const settle = (act: () => void) => {
        clearImmediate(later);
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        this.#closers.delete(closed);
        act();
      };
      const aborted = () => settle(() => reject(signal?.reason));
      const closed = () => settle(() => reject(this.#closed.signal.reason));
      signal?.addEventListener('abort', aborted, { once: true });
      this.#closers.add(closed);
      start(
        value => settle(() => resolve(value)),
        error => settle(() => reject(error)),
      );
    });
  }

  /** Asks when the first answer is awaited; leaving the loop early lets go of everything. */
  async *gather(
    to: Address,
    body: Uint8Array,
    { deadlineMs, expect }: { deadlineMs: number; expect?: string[] },
  ): AsyncIterable<Answer> {
    this.#refuse(body);
    refuseForeignRequest(this.#identity, to);
    const missing = new Set(expect);
    const arrived: Answer[] = [];
    let isOver = false;
    let wake = () => {};
    const end = () => {
      isOver = true;
      wake();
    };
    const receivers = this.#bus.receivers(to);
    if (receivers.length === 0) return;
    const timer = setTimeout(end, deadlineMs);
    this.#closers.add(end);
    for (const server of receivers) {
      this.#bus.deliver(server, { from: nameOf(this.#identity), body }, answer => {
        if (answer instanceof Error) return this.#bus.onError(answer);
        arrived.push(answer);
        wake();
      });
    }
    try {
      while (true) {
        for (const answer of arrived.splice(0)) {
          missing.delete(answer.from);
          yield answer;
        }
        if (isOver || (expect && missing.size === 0)) return;
        if (arrived.length > 0) continue;
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      this.#closers.delete(end);
    }
  }

  async serve(at: Address, handle: Handle): Promise<Closer> {
    this.#closed.signal.throwIfAborted();
    refuseForeignServing(this.#identity, at);
    return this.#keep(this.#bus.serve(at, { id: nameOf(this.#identity), handle }));
  }

  publish(topic: string, body: Uint8Array): void {
    this.#refuse(body);
    refuseForeignPublish(this.#identity, topic);
    this.#bus.publish(topic, body);
  }

  async subscribe(topic: string, heard: Heard): Promise<Closer> {
    this.#closed.signal.throwIfAborted();
    refuseForeignSubscribe(this.#identity, topic);
    return this.#keep(this.#bus.subscribe(topic, body => heard(body)));
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error('the fabric is closed'));
    for (const close of [...this.#closers]) close();
    this.#closers.clear();
  }

  #keep(close: () => void): Closer {
    this.#closers.add(close);
    return async () => {
      this.#closers.delete(close);
      close();
    };
  }

  #refuse(body: Uint8Array): void {
    this.#closed.signal.throwIfAborted();
    if (body.byteLength > MAX_MESSAGE_BYTES) throw new MessageTooLarge(body.byteLength);
  }
}

function subjectOf(address: Address): string {
  if ('worker' in address) return `w.${address.worker}.rpc`;
  return 'workers' in address ? 'w.all.rpc' : 'h.any.rpc';
}

const copyOf = (body: Uint8Array): Uint8Array => Buffer.from(body);

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
