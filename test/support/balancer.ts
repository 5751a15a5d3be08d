import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';

export interface Balancer {
  readonly url: string;
  close(): Promise<void>;
}

/** Gives each TCP connection to the next of these ports; it knows nothing of what they carry. */
export async function balanceConnections(ports: () => readonly number[]): Promise<Balancer> {
  const turn = inTurn(ports);
  const open = new Set<{ destroy(): void }>();
  const server = createServer(client => {
    const target = connect({ host: '127.0.0.1', port: turn() });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
    client.pipe(target).pipe(client);
  });
  const url = await listen(server);
  return {
    url,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Gives each HTTP request to the next of these ports: two requests of one client never meet the same hub in a row. */
export async function alternateRequests(ports: () => readonly number[]): Promise<Balancer> {
  const turn = inTurn(ports);
  const server = createHttpServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const forwarded = request({ host: '127.0.0.1', port: turn(), method, path: url, headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
      // Headers of a stream that has nothing to say yet.
      outgoing.flushHeaders();
    });
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  const url = await listen(server);
  return {
    url,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function inTurn(ports: () => readonly number[]): () => number {
  let next = 0;
  return () => {
    const choices = ports();
    return choices[next++ % choices.length] ?? 0;
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the balancer has no port');
  return `http://127.0.0.1:${address.port}`;
}
