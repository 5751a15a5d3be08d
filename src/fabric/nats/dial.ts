import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Authenticator,
  AuthorizationError,
  type ConnectionOptions,
  credsAuthenticator,
  type NatsConnection,
  wsconnect,
} from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

/** No broker could be reached, or it refused this connection. The message is fit for an administrator. */
export class BrokerUnavailable extends Error {
  override readonly name = 'BrokerUnavailable';
  /** It was there, and did not take the credential. */
  readonly isRefusal: boolean;

  constructor(message: string, { isRefusal = false, cause }: { isRefusal?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.isRefusal = isRefusal;
  }
}

export interface DialOptions {
  /** Such as `nats://host:4222` and `tls://host:4222`, or `ws://host:80` and `wss://host:443`; not both kinds. */
  readonly servers: readonly string[];
  /** Files in PEM form, for a private authority or for client certificates over TCP. `tls://` needs none of them. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly signal?: AbortSignal;
  /** How long to wait for the first connection. */
  readonly firstConnectMs: number;
}

const ATTEMPT_MS = 5_000;

type Transport = 'tcp' | 'websocket';

/** The client keeps one transport for the whole process and takes it for every reconnect, so a second kind would break the first. */
let transportInUse: Transport | undefined;

/**
 * Opens the first connection, trying again until `firstConnectMs` are over; from then on the client reconnects for ever. A refused
 * credential ends the wait at once. Throws BrokerUnavailable, and the signal's reason.
 */
export async function dial(options: DialOptions, settings: ConnectionOptions): Promise<NatsConnection> {
  const transport = transportOf(options.servers);
  if (transportInUse && transportInUse !== transport) {
    throw new BrokerUnavailable(`this process already talks to NATS over ${transportInUse}; use one kind of address`);
  }
  transportInUse = transport;
  const open = {
    ...settings,
    servers: [...options.servers],
    maxReconnectAttempts: -1,
    reconnectDelayHandler: retryDelay,
    // A credential that is refused now may be accepted once the broker has its accounts again.
    ignoreAuthErrorAbort: true,
  };
  const until = performance.now() + options.firstConnectMs;
  while (true) {
    options.signal?.throwIfAborted();
    const timeout = Math.max(1, Math.min(ATTEMPT_MS, until - performance.now()));
    try {
      if (transport === 'websocket') return await wsconnect({ ...open, timeout });
      return await connect({ ...open, timeout, ...tlsOf(options) });
    } catch (cause) {
      const where = options.servers.map(withoutSecrets).join(', ');
      const refusal = [cause, cause instanceof Error ? cause.cause : undefined].find(
        error => error instanceof AuthorizationError,
      );
      if (refusal)
        throw new BrokerUnavailable(`the NATS server at ${where} refused the credential`, { isRefusal: true, cause });
      const waitMs = retryDelay();
      if (performance.now() + waitMs >= until) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new BrokerUnavailable(`no NATS server at ${where} within ${options.firstConnectMs} ms: ${why}`, {
          cause,
        });
      }
      await delay(waitMs, undefined, { ...(options.signal && { signal: options.signal }) });
    }
  }
}

/** Takes the text of a `.creds` file. */
export const authenticatorFor = (credentials: string): Authenticator =>
  credsAuthenticator(new TextEncoder().encode(credentials));

/** Spread at random, so that a thousand workers do not come back at the same moment. */
const retryDelay = (): number => 200 + Math.random() * 1_000;

function transportOf(servers: readonly string[]): Transport {
  const kinds = new Set(servers.map(url => (/^wss?:\/\//i.test(url) ? 'websocket' : 'tcp')));
  const [only] = kinds;
  if (only === undefined) throw new BrokerUnavailable('no NATS server is configured');
  if (kinds.size > 1)
    throw new BrokerUnavailable('NATS servers must be all nats:// and tls://, or all ws:// and wss://');
  return only;
}

/** The client takes no notice of `tls://` in an address, so an encrypted connection is asked for here. */
function tlsOf({ servers, tls }: DialOptions): { tls?: NonNullable<DialOptions['tls']> } {
  const isEncrypted = servers.some(url => /^tls:\/\//i.test(url));
  return isEncrypted || tls ? { tls: tls ?? {} } : {};
}

const withoutSecrets = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');
