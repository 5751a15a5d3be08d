import { createServer, type Socket } from 'node:net';
import { listenOnSocket } from '../auth/unix-socket.ts';
import { serveStdio, type StdioOptions } from './stdio.ts';

export interface LocalSocketOptions extends Pick<StdioOptions, 'hub' | 'operations' | 'log' | 'version'> {
  readonly path: string;
}

/**
 * Serves MCP on a unix socket of mode 0600, one connection as `boxswain mcp` does on stdio: so that several clients of one user
 * share one hub. Where another live process holds the path, nothing is served and that one keeps it. Throws like
 * `listenOnSocket`.
 */
export async function serveSocket({ path, ...options }: LocalSocketOptions): Promise<{ close(): Promise<void> }> {
  const ending = new AbortController();
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', error => options.log.debug({ err: error }, 'a local connection broke'));
    serveStdio({ ...options, signal: ending.signal, input: socket, output: socket })
      .catch(error => options.log.error({ err: error }, 'a local connection could not be served'))
      .finally(() => {
        sockets.delete(socket);
        socket.destroy();
      });
  });
  if (!(await listenOnSocket(server, path))) {
    options.log.warn({}, 'another hub of this directory serves its socket already');
    return { close: async () => {} };
  }
  return {
    close: async () => {
      ending.abort();
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
