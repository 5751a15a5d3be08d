import { connect, type Socket } from 'node:net';
import { hasOwnSocket } from '../auth/unix-socket.ts';

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
