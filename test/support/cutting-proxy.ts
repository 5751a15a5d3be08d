import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Connections that were cut so far. */
  cuts(): number;
  /** From now on every connection is cut after so many bytes of each direction; undefined: none is. */
  cutAfter(bytes: { up?: number; down?: number } | undefined): void;
  close(): Promise<void>;
}

/** Passes TCP on to a port of loopback, and breaks connections in the middle of what they carry. */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let limits: { up?: number; down?: number } | undefined;
  let cuts = 0;
  const server = createServer(client => {
    const upstream = connect(target, '127.0.0.1');
    const pair = [client, upstream];
    const end = () => {
      for (const socket of pair) {
        socket.destroy();
        open.delete(socket);
      }
    };
    for (const socket of pair) {
      open.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
    const pass = (from: Socket, to: Socket, limitOf: () => number | undefined) => {
      let passed = 0;
      from.on('data', (chunk: Buffer) => {
        const room = (limitOf() ?? Number.POSITIVE_INFINITY) - passed;
        passed += chunk.length;
        if (chunk.length <= room) {
          if (!to.write(chunk)) {
            from.pause();
            to.once('drain', () => from.resume());
          }
          return;
        }
        cuts += 1;
        from.removeAllListeners('data');
        // What came before the cut arrives.
        to.write(chunk.subarray(0, Math.max(room, 0)), end);
      });
    };
    pass(client, upstream, () => limits?.up);
    pass(upstream, client, () => limits?.down);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    cuts: () => cuts,
    cutAfter(bytes) {
      limits = bytes;
      // Connections that are kept alive would bring the bytes they carried before into account.
      for (const socket of open) socket.destroy();
    },
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
