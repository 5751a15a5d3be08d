import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../../log/log.ts';
import type { HostRule } from '../../../protocol/workspace-spec.ts';
import { type Denial, Denials } from './denials.ts';
import { forward } from './forward.ts';
import { Gate, type Lookup } from './gate.ts';
import { type Connection, type EgressTimeouts, type Hall, leave, refuse } from './passage.ts';
import { tunnel } from './tunnel.ts';

export interface EgressOptions {
  /** Where to listen. Its directory decides who may connect; the socket itself is open to every user. */
  readonly socketPath: string;
  /** What the workspace may reach at all times. */
  readonly rules: readonly HostRule[];
  /** `host:port` of the operator's that may be addresses, or resolve to private ones. A rule must allow them all the same. */
  readonly privateHosts: readonly string[];
  /** Told of each connection once it is over, and of each refusal. */
  onConnection(seen: Connection): void;
  readonly lookup?: Lookup;
  readonly timeouts?: Partial<EgressTimeouts>;
  readonly log?: Log;
}

/** The proxy of one workspace. */
export interface Egress {
  /** Opens further hosts until it is disposed of; connections that only it allowed are cut off then. */
  allow(rules: readonly HostRule[]): Disposable;
  mark(): number;
  /** What was refused since the mark, at most 20. */
  deniedSince(mark: number): Denial[];
  /** Ends every connection, and removes the socket. */
  close(): Promise<void>;
}

const TIMEOUTS: EgressTimeouts = { headMs: 15_000, dialMs: 15_000, helloMs: 15_000, idleMs: 300_000 };
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 256;
/** A request may be an upload of any size: only silence ends it. */
const NO_LIMIT_MS = 24 * 3_600_000;

/** Starts the allow-list proxy of one workspace: HTTP in absolute form, and CONNECT. Throws what listening throws. */
export async function startEgress(options: EgressOptions): Promise<Egress> {
  const { socketPath, onConnection } = options;
  const gate = new Gate(options);
  const denials = new Denials();
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const hall: Hall = { gate, denials, timeouts, open: new Set(), onConnection };
  const near = new Set<Duplex>();
  const server = newServer(hall, options.log);
  server.on('connection', socket => {
    near.add(socket);
    socket.once('close', () => near.delete(socket));
    socket.setTimeout(timeouts.idleMs, () => socket.destroy());
  });
  await rm(socketPath, { force: true });
  await listen(server, socketPath);
  await chmod(socketPath, 0o666);
  return {
    allow(rules) {
      const end = gate.open(rules);
      return {
        [Symbol.dispose]() {
          end();
          for (const connection of hall.open) if (!gate.allows(connection.target)) leave(connection, hall);
        },
      };
    },
    mark: () => denials.mark(),
    deniedSince: mark => denials.since(mark),
    async close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of near) socket.destroy();
      for (const connection of hall.open) leave(connection, hall);
      await closed;
    },
  };
}

function newServer(hall: Hall, log?: Log): Server {
  const fail = (error: unknown, socket: { destroy(): void }) => {
    log?.error({ error }, 'a request to the proxy failed');
    socket.destroy();
  };
  const server = createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: hall.timeouts.headMs,
    requestTimeout: Math.max(NO_LIMIT_MS, hall.timeouts.headMs),
    connectionsCheckingInterval: Math.min(hall.timeouts.headMs, 5_000),
    insecureHTTPParser: false,
    keepAlive: false,
  });
  // All headers are seen: what is beyond a count would otherwise be dropped in silence.
  server.maxHeadersCount = 0;
  // One request for each connection, so that no second one can ride on the admission of the first.
  server.maxRequestsPerSocket = 1;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, reply) => {
    forward(request, reply, hall).catch((error: unknown) => fail(error, reply));
  });
  server.on('connect', (head, socket, early) => {
    tunnel(socket, { head, early, hall }).catch((error: unknown) => fail(error, socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseMalformed(error, socket, hall));
  return server;
}

function refuseMalformed({ code = '' }: NodeJS.ErrnoException, socket: Duplex, hall: Hall): void {
  const isTooLarge = code === 'HPE_HEADER_OVERFLOW';
  const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (isTooLarge || isLate || code.startsWith('HPE_')) {
    const reason = isTooLarge ? 'has a head that is too large' : isLate ? 'came too slowly' : 'is malformed';
    refuse({ host: '(request)', port: 0 }, reason, hall);
    if (socket.writable) {
      const status = isTooLarge
        ? '431 Request Header Fields Too Large'
        : isLate
          ? '408 Request Timeout'
          : '400 Bad Request';
      const body = `the request ${reason}\n`;
      socket.end(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
      return;
    }
  }
  socket.destroy();
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
