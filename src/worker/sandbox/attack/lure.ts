import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Egress, startEgress } from '../egress/egress.ts';

/** Servers on the host that nobody in a box may reach, and a proxy with rules that invite to try. */
export interface Lure {
  readonly port: number;
  /** Of a socket without a name in the file system. */
  readonly abstractName: string;
  /** A server that may be reached, as `friend.test`, to prove that the proxy works. */
  readonly friendPort: number;
  /** Connections that reached what must not be reached. */
  arrived(): number;
  close(): Promise<void>;
}

/** What the names resolve to for the proxy. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'friend.test': ['127.0.0.1'],
  'loopback.test': ['127.0.0.1'],
  'metadata.test': ['169.254.169.254'],
  'private.test': ['10.0.0.1'],
  'mixed.test': ['93.184.216.34', '127.0.0.1'],
  localhost: ['127.0.0.1', '::1'],
};

/** Starts them; the proxy listens at `socketPath`. */
export async function layLure(socketPath: string): Promise<Lure> {
  let arrivals = 0;
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const listen = async (at: { port: number; host: string } | { path: string }, counts: boolean): Promise<Server> => {
    const server = createServer(socket => {
      if (counts) arrivals += 1;
      open.add(socket);
      socket.on('error', () => socket.destroy()).once('close', () => open.delete(socket));
      socket.resume().end();
    });
    servers.push(server);
    server.listen(at);
    await once(server, 'listening');
    return server;
  };
  const abstractName = `boxswain-lure-${randomUUID()}`;
  const port = portOf(await listen({ port: 0, host: '127.0.0.1' }, true));
  const friendPort = portOf(await listen({ port: 0, host: '127.0.0.1' }, false));
  await listen({ path: `\0${abstractName}` }, true);
  const friend = { host: 'friend.test', port: friendPort };
  // As if every name were allowed: where it leads must be refused all the same.
  const invited = [
    '127.0.0.1',
    'loopback.test',
    'localhost',
    'localhost.',
    '0.0.0.0',
    '127.1',
    '0',
    '2130706433',
    '0x7f000001',
  ];
  const outward = [
    '169.254.169.254',
    'metadata.test',
    'private.test',
    'mixed.test',
    'metadata.google.internal',
    '2852039166',
  ];
  const proxy: Egress = await startEgress({
    socketPath,
    rules: [friend, ...invited.map(host => ({ host, port })), ...outward.map(host => ({ host, port: 80 }))],
    privateHosts: [`friend.test:${friendPort}`],
    onConnection: () => {},
    lookup: async host => [...(NAMES[host] ?? [])],
    timeouts: { headMs: 2_000, dialMs: 2_000 },
  });
  return {
    port,
    abstractName,
    friendPort,
    arrived: () => arrivals,
    close: async () => {
      await proxy.close();
      for (const socket of open) socket.destroy();
      await Promise.all(servers.map(server => new Promise<void>(resolve => server.close(() => resolve()))));
      await rm(socketPath, { force: true });
    },
  };
}

function portOf(server: Server): number {
  const address: string | AddressInfo | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('a server has no port');
  return address.port;
}
