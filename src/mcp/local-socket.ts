import { chmod, lstat, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { AppError } from '../errors/app-error.ts';
import { serveStdio, type StdioOptions } from './stdio.ts';

export interface LocalSocketOptions extends Pick<StdioOptions, 'hub' | 'operations' | 'log' | 'version'> {
  readonly path: string;
}

/**
 * Serves MCP on a unix socket of mode 0600, one connection as `boxswain mcp` does on stdio: so that several clients of one user
 * share one hub. Where another live process holds the path, nothing is served and that one keeps it.
 */
export async function serveSocket({ path, ...options }: LocalSocketOptions): Promise<{ close(): Promise<void> }> {
  if (await isAnswered(path)) {
    options.log.warn({}, 'another hub of this directory serves its socket already');
    return { close: async () => {} };
  }
  await rm(path, { force: true });
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
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(mask);
  }
  await chmod(path, 0o600);
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
 * Refuses a socket that another user owns or may write to.
 */
export async function attachStdio({ path, signal }: { path: string; signal: AbortSignal }): Promise<boolean> {
  const stat = await lstat(path).catch(() => undefined);
  if (!stat?.isSocket()) return false;
  if (stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    throw new AppError('POLICY_DENIED', 'the socket of the running hub does not belong to you alone', {
      hint: `check the owner and mode of ${path}, or use another --directory`,
    });
  }
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

async function isAnswered(path: string): Promise<boolean> {
  const socket = await open(path);
  socket?.destroy();
  return socket !== undefined;
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}
