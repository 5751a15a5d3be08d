import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AdmissionPolicy, admissionPolicy } from '../auth/admission.ts';
import { apiTokenSource } from '../auth/api-tokens.ts';
import { createAuthenticator } from '../auth/authenticate.ts';
import { audiencesOf, resourceAt } from '../auth/resource.ts';
import type { AuthServer } from '../auth/server/auth-server.ts';
import { listenOnSocket } from '../auth/unix-socket.ts';
import type { TokenSource } from '../auth/verdict.ts';
import type { WorkerTokens } from '../auth/worker-tokens.ts';
import { authSchema } from '../config/auth.ts';
import type { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import { createMcp, type McpOptions } from '../mcp/mcp.ts';
import type { Operation } from '../operations/operation.ts';
import { createApi } from './api.ts';
import { Guard } from './guard.ts';
import { createListener } from './listener.ts';
import { OpenAnswers } from './open-answers.ts';
import { createOperationHandler } from './operation-handler.ts';
import { type BlobRoutesOptions, createBlobRoutes } from './routes/blobs.ts';
import { spreadRevocations } from './revocations.ts';
import { createHookRoutes } from './routes/hooks.ts';

export interface HttpOptions {
  readonly hub: Hub;
  /** What `/api` serves; the selection that MCP has. */
  readonly operations: readonly Operation[];
  /** What `{command, args}` on `/mcp` is answered with. */
  readonly commands?: readonly Operation[];
  readonly config: Pick<Config, 'http'> & Partial<Pick<Config, 'auth' | 'read_only'>>;
  /** Judge tokens before the issuers of the configuration do. */
  readonly tokenSources?: readonly TokenSource[];
  /** The built-in one; undefined: there is none, and its paths are no routes. */
  readonly authServer?: AuthServer;
  readonly log: Log;
  readonly version: string;
  /** Also listens here, for the user of this machine; see `listenOnSocket`. */
  readonly socketPath?: string;
  /** Gives workers the contents they ask for; without it there are no such routes. */
  readonly blobs?: BlobRoutesOptions;
  /** Makes and revokes what workers join with. */
  readonly tokens?: WorkerTokens;
  /** Ends the server and starts it anew, once what was asked is answered; undefined: it cannot. */
  readonly restart?: () => void;
  /** Epoch milliseconds, for the times of tokens; tests move it on. */
  readonly now?: () => number;
  /** Further settings of MCP; tests mount fixtures through them. */
  readonly mcp?: Pick<McpOptions, 'extend' | 'bus' | 'sessions'>;
}

export interface RunningHttp {
  /** Such as `http://127.0.0.1:4097`. */
  readonly url: string;
  /** Takes no more connections, ends streams, lets running calls finish for `graceMs`, then cancels and cuts what is left. */
  close(options?: { graceMs?: number }): Promise<void>;
}

const LIMITS = {
  /** Slow senders of headers or bodies are cut; how long an answer takes is not limited. */
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
};
const MAX_CONNECTIONS = 4_096;
const GRACE_MS = 5_000;
const IDLE_SWEEP_MS = 50;

/** Serves MCP and HTTP on one port. Throws AppError, with the way out, when the port cannot be had. */
export async function startHttp(options: HttpOptions): Promise<RunningHttp> {
  const { hub, operations, commands, log, version, config } = options;
  const mcp = createMcp({ hub, operations, commands, log, version, ...options.mcp });
  const maxBodyBytes = config.http.max_body_bytes;
  const closing = new AbortController();
  const { tokens, restart } = options;
  const api = createApi({
    hub,
    operations,
    log,
    maxBodyBytes,
    tokens,
    restart,
    publicUrl: config.http.public_url,
    closing: closing.signal,
  });
  const blobRoutes = options.blobs && createBlobRoutes({ ...options.blobs, log });
  // The server cannot tell routes apart, and contents of workers may take longer than other bodies.
  const bodyTimeoutMs = blobRoutes ? LIMITS.requestTimeout : undefined;
  const hookRoutes = createHookRoutes({ hub, log, closing: closing.signal });
  const auth = config.auth ?? authSchema.parse({});
  const { authServer } = options;
  let policy: AdmissionPolicy | undefined;
  const authenticator = await createAuthenticator({
    config: auth,
    audiences: () => audiencesFor(config.http, policy ?? NOBODY),
    sources: [
      apiTokenSource(hub.apiTokens),
      ...(authServer ? [authServer.source] : []),
      ...(options.tokenSources ?? []),
    ],
    ownIssuers: authServer && [authServer.issuer],
    now: options.now,
  });
  const guard = new Guard({
    authenticator,
    isTokenRequired: auth.required,
    publicUrl: config.http.public_url,
    log,
  });
  const open = new OpenAnswers(authenticator, { log });
  spreadRevocations(hub, {
    authServer,
    revoked: standsOn => {
      authenticator.forget(standsOn);
      void open.look({ streamsOnly: true });
    },
  });
  const isReadOnly = config.read_only;
  const shared = {
    mcp,
    api,
    callOperation: createOperationHandler({ hub, operations, log, maxBodyBytes }),
    blobRoutes,
    hookRoutes,
    bodyTimeoutMs,
    log,
    maxBodyBytes,
    guard,
    open,
    isReadOnly,
    authServer,
  };
  const tcp = makeServer(createListener({ ...shared, transport: 'tcp', policy: () => policy ?? NOBODY }));
  const { address, port } = await listenOnPort(tcp, config.http);
  policy = admissionPolicy({
    address,
    port,
    ...namesOf(config.http),
  });
  if (!policy.isBoundToLoopback && authenticator.issuers.length === 0) {
    log.warn(
      { address, port },
      'listening beyond loopback without an authorization server: only API tokens are let in',
    );
  }
  if (blobRoutes) tcp.requestTimeout = 0;
  const servers = [tcp];
  if (options.socketPath !== undefined) {
    const unix = makeServer(createListener({ ...shared, transport: 'unix', policy: () => NOBODY }));
    try {
      const isListening = await listenOnSocket(unix, options.socketPath);
      if (isListening) servers.push(unix);
      else log.warn({}, 'another hub of this directory serves its socket already');
    } catch (error) {
      await closeAll(servers, 0);
      throw error;
    }
  }
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`,
    async close({ graceMs = GRACE_MS } = {}) {
      closing.abort();
      open.close();
      const closed = closeAll(servers, graceMs);
      await Promise.race([mcp.settled(), closed]);
      await mcp.close();
      await closed;
    },
  };
}

/** Those of the address under which others reach the server, and those that are allowed beside it. */
function namesOf({ public_url, allowed_hosts, allowed_origins }: Config['http']) {
  const own = public_url === undefined ? undefined : new URL(public_url);
  return {
    allowedHosts: [...allowed_hosts, ...(own ? [own.host] : [])],
    allowedOrigins: [...allowed_origins, ...(own ? [own.origin] : [])],
  };
}

/** What tokens may name as their audience: the address that others use, where it is told, else every one that is answered. */
function audiencesFor({ public_url }: Config['http'], { hosts }: AdmissionPolicy): string[] {
  if (public_url !== undefined) return audiencesOf(resourceAt(public_url));
  const addresses = [...hosts].flatMap(host => [`http://${host}`, `https://${host}`]);
  return addresses.filter(address => URL.canParse(address)).flatMap(address => audiencesOf(resourceAt(address)));
}

/** Until the port is known, and for the unix socket, which asks for no policy. */
const NOBODY: AdmissionPolicy = { isBoundToLoopback: false, hosts: new Set(), origins: new Set() };

function makeServer(listener: RequestListener): Server {
  const server = createServer(LIMITS, listener);
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function listenOnPort(
  server: Server,
  { host, port }: Config['http'],
): Promise<{ address: string; port: number }> {
  server.listen({ host, port });
  await once(server, 'listening').catch(cause => {
    throw cannotListen(cause, { host, port });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has no port');
  return bound;
}

function cannotListen(cause: unknown, { host, port }: { host: string; port: number }): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  if (code === 'EADDRINUSE') {
    return new AppError('SERVICE_UNAVAILABLE', `Address already in use: ${host}:${port}`, {
      hint: 'stop what holds it, or choose another port with --port; port 0 takes a free one',
      cause,
    });
  }
  const reasons: Record<string, string> = {
    EACCES: `port ${port} on ${host} needs rights that this user does not have`,
    EADDRNOTAVAIL: `${host} is not an address of this machine`,
    ENOTFOUND: `${host} is not an address of this machine`,
  };
  return new AppError('VALIDATION_ERROR', reasons[code] ?? `cannot listen on ${host}, port ${port} (${code})`, {
    hint: 'stop what holds it, or choose another address with --host and --port; port 0 takes a free one',
    cause,
  });
}

async function closeAll(servers: readonly Server[], graceMs: number): Promise<void> {
  await Promise.all(
    servers.map(async server => {
      const closed = once(server, 'close');
      server.close();
      // A connection whose last answer was just sent is kept alive by its client, and Node does not close it by itself.
      const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    }),
  );
}
