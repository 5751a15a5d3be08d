import { connect, createServer, type Socket } from 'node:net';
import { hasOwnSocket, listenOnSocket } from '../auth/unix-socket.ts';
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

/**
 * Joins this process's stdin and stdout to the hub that serves the socket, until either side ends. False when none answers.
 * Throws AppError POLICY_DENIED for a socket that is not this user's alone.
 */
export async function attachStdio({ path, signal }: { path: string; signal: AbortSignal }): Promise<boolean> {
  if (!(await hasOwnSocket(path))) return false;
  const socket = await open(path);
  if (!socket) return false;
  const ended = new Promise<void>(resolve => socket.once('close', () => resolve()));
  const end = (): void => void socket.end();
  signal.addEventListener('abort', end, { once: true });
  process.stdin.pipe(socket);
  socket.pipe(process.stdout, { end: false });
  await ended;
  signal.removeEventListener('abort', end);
  process.stdin.destroy();
  return true;
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    // Once it is connected, the hub's end shows as 'close', whatever broke the connection.
    socket.on('error', () => resolve(undefined));
  });
}
