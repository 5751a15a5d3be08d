import { lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { AppError } from '../errors/app-error.ts';

/** Of `sockaddr_un`; a longer path would be cut without a word. */
const MAX_PATH_BYTES = 103;
const OTHERS = 0o077;

/**
 * Listens on a unix socket that only this user can reach (mode 0600). Takes the place of a socket that a dead process left
 * behind; refuses where a living one answers, or where something else is at the path.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw refused('the path of the socket is too long', 'use a shorter --directory');
  }
  await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The file is made within listen(), so nobody ever sees it with another mode.
    const mask = process.umask(0o177);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
    process.umask(mask);
  });
  const { uid, mode } = await lstat(path);
  if (uid === process.getuid?.() && (mode & OTHERS) === 0) return;
  server.close();
  throw refused(
    'the socket does not belong to this user alone',
    'put --directory on a file system with owners and modes',
  );
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket() || found.uid !== process.getuid?.()) {
    throw refused('something else is where the socket belongs', 'move it away, or use another --directory');
  }
  if (await answers(path)) {
    throw refused('another Boxswain already serves this directory', 'stop it, or use another --directory');
  }
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

const refused = (message: string, hint: string): AppError => new AppError('POLICY_DENIED', message, { hint });
