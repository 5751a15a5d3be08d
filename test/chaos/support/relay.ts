import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** From now on nothing gets through, in either direction, and nobody is told: as with a cable that was pulled. */
  hold(): void;
  /** What was under way arrives. */
  release(): void;
  close(): Promise<void>;
}

/** Passes TCP on from an address of this machine to a port of loopback. */
export async function startRelay(target: number, host = '127.0.0.1'): Promise<Relay> {
  const open = new Set<Socket>();
  const ending = new Set<Socket>();
  let isHeld = false;
  const server = createServer(client => {
    const upstream = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        // An end gets through when the rest does.
        if (isHeld) ending.add(other);
        else other.destroy();
      });
      socket.on('data', chunk => {
        if (!other.write(chunk) && !isHeld) {
          socket.pause();
          other.once('drain', () => {
            if (!isHeld) socket.resume();
          });
        }
      });
      if (isHeld) socket.pause();
    }
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return {
    port: address.port,
    hold() {
      isHeld = true;
      for (const socket of open) socket.pause();
    },
    release() {
      isHeld = false;
      for (const socket of ending) socket.destroy();
      ending.clear();
      for (const socket of open) socket.resume();
    },
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
