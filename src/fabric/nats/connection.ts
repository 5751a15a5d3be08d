import { performance } from 'node:perf_hooks';
import { type Msg, type NatsConnection, PermissionViolationError, type Subscription } from '@nats-io/nats-core';
import type { Log } from '../../log/log.ts';
import { type Closer, MAX_MESSAGE_BYTES, NotPermitted } from '../fabric.ts';
import { authenticatorFor, BrokerUnavailable, type DialOptions, dial } from './dial.ts';
import { type NatsHealth, notesOn } from './health.ts';
import { inboxPrefix } from './subjects.ts';

const PING_MS = 1_000;
const PINGS_UNANSWERED = 3;
/** How long a closing connection waits for the broker to have taken everything. */
const FAREWELL_MS = 1_000;
const ROUND_TRIP_MS = 2_000;
const LOST = 'the connection was lost';
/** Room for what goes around a message. */
const FRAME_BYTES = 64;

export interface ConnectionOptions extends DialOptions {
  readonly id: string;
  /** JWT and seed: the text of a `.creds` file. */
  readonly credentials?: string;
  readonly log: Log;
}

export interface ConnectionEvents {
  /** Also after each reconnect. Subscriptions are in place by then. */
  connected(): void;
  /** The broker refused to take a message on this subject. */
  publishRefused(subject: string): void;
  /** The client gave up, which it does for a fault of its own only. */
  ended(reason: Error | undefined): void;
}

/** One connection to the broker, for as long as its owner lives: it comes back by itself, with all its subscriptions. */
export class Connection {
  readonly #client: NatsConnection;
  readonly #log: Log;
  #isConnected = true;
  #trouble: string | undefined;
  readonly #subscriptions = new Set<Subscription>();

  private constructor(client: NatsConnection, log: Log) {
    this.#client = client;
    this.#log = log;
  }

  static async open({ id, credentials, log, ...options }: ConnectionOptions): Promise<Connection> {
    const client = await dial(options, {
      name: id,
      inboxPrefix: inboxPrefix(id),
      pingInterval: PING_MS,
      maxPingOut: PINGS_UNANSWERED,
      noAsyncTraces: true,
      ...(credentials !== undefined && { authenticator: authenticatorFor(credentials) }),
    });
    const connection = new Connection(client, log);
    const most = client.info?.max_payload ?? 0;
    if (most >= MAX_MESSAGE_BYTES + FRAME_BYTES) return connection;
    await client.close();
    throw new BrokerUnavailable(
      `the NATS server takes messages of ${most} bytes only; set its max_payload to 1MB, which is the default`,
    );
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Reports what happens to the connection from now on, until it is closed. */
  watch(events: ConnectionEvents): void {
    const { version } = this.#client.info ?? {};
    this.#log.info({ server: this.#client.getServer(), version }, 'connected to NATS');
    for (const note of notesOn(version ?? 'unknown')) this.#log.warn({}, note);
    void this.#follow(events);
    void this.#client.closed().then(reason => events.ended(reason ?? undefined));
  }

  async #follow(events: ConnectionEvents): Promise<void> {
    for await (const status of this.#client.status()) {
      if (status.type === 'disconnect') {
        // Also told of every attempt that fails.
        if (this.#isConnected) this.#log.warn({ server: status.server }, 'lost the connection to NATS; reconnecting');
        this.#isConnected = false;
        this.#trouble ??= LOST;
      }
      if (status.type === 'reconnect') {
        // Also told once for every attempt that had failed.
        if (!this.#isConnected) this.#log.info({ server: status.server }, 'connected to NATS again');
        this.#isConnected = true;
        this.#trouble = undefined;
        events.connected();
      }
      if (status.type === 'error') this.#heard(status.error, events);
    }
  }

  #heard(error: Error, events: ConnectionEvents): void {
    if (error instanceof PermissionViolationError) {
      if (error.operation === 'publish') events.publishRefused(error.subject);
      this.#log.warn(
        { operation: error.operation, subject: error.subject },
        'NATS refused what this process may not do',
      );
      return;
    }
    if (this.#trouble !== error.message) this.#log.error({ error: error.message }, 'NATS reports an error');
    this.#trouble = error.message;
  }

  /** Sends unless the broker is away: then the message is lost, which is said. The body must not change afterwards. */
  publish(subject: string, body: Uint8Array, options?: { reply: string }): boolean {
    if (!this.#isConnected || this.#client.isClosed()) return false;
    try {
      this.#client.publish(subject, body, options);
      return true;
    } catch (error) {
      // As a server does that takes smaller messages than the one before.
      this.#log.error({ error, subject, bytes: body.byteLength }, 'a message could not be sent');
      return false;
    }
  }

  /** Settles once the broker knows of it, or is away and will be told. Throws NotPermitted when the broker refuses. */
  async subscribe(subject: string, heard: (message: Msg) => void, options: { queue?: string } = {}): Promise<Closer> {
    let refusal: Error | undefined;
    const subscription = this.#client.subscribe(subject, {
      ...options,
      callback: (error, message) => {
        if (error) refusal = error;
        else this.#deliver(message, heard);
      },
    });
    this.#subscriptions.add(subscription);
    await this.#flushed();
    if (refusal) this.#subscriptions.delete(subscription);
    if (refusal)
      throw new NotPermitted(`the broker does not let this process listen to ${subject}`, { cause: refusal });
    return async () => {
      if (!this.#subscriptions.delete(subscription) || this.#client.isClosed()) return;
      subscription.unsubscribe();
      await this.#flushed();
    };
  }

  /** What is thrown here would end the client's reading for good. */
  #deliver(message: Msg, heard: (message: Msg) => void): void {
    try {
      heard(message);
    } catch (error) {
      this.#log.error({ error, subject: message.subject }, 'a message could not be handled');
    }
  }

  /** Settles when the broker has handled all that was sent, or the connection is gone: a new one starts with all subscriptions. */
  async #flushed(): Promise<void> {
    if (!this.#isConnected) return;
    try {
      await this.#client.flush();
    } catch (error) {
      this.#log.debug({ error }, 'the connection was lost meanwhile');
    }
  }

  async health(): Promise<NatsHealth> {
    const server = this.#client.getServer();
    const sentAt = performance.now();
    const isBack =
      this.#isConnected &&
      (await within(
        ROUND_TRIP_MS,
        this.#client.flush().then(() => true),
      ));
    const { info } = this.#client;
    if (isBack && info) {
      const roundTripMs = performance.now() - sentAt;
      return { connected: true, server, version: info.version, roundTripMs, notes: notesOn(info.version) };
    }
    const trouble = this.#isConnected
      ? `the server does not answer within ${ROUND_TRIP_MS} ms`
      : (this.#trouble ?? LOST);
    return { connected: false, server, trouble, notes: [] };
  }

  /** Lets what was sent reach the broker, if it is there, and goes: then nobody finds this process on the fabric any more. */
  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions.clear();
    await within(FAREWELL_MS, this.#flushed());
    this.#isConnected = false;
    await this.#client.close();
  }
}

/** What comes of it in time; undefined when nothing does, or it fails. */
async function within<T>(timeoutMs: number, awaited: Promise<T>): Promise<T | undefined> {
  const over = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => over.resolve(undefined), timeoutMs);
  try {
    return await Promise.race([awaited.catch(() => undefined), over.promise]);
  } finally {
    clearTimeout(timer);
  }
}
