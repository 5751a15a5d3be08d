import type { Stats } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { basename } from 'node:path';
import { AppError } from '../errors/app-error.ts';

/** Of `sockaddr_un`; a longer path would be cut without a word. */
const MAX_PATH_BYTES = 103;
const OTHERS = 0o077;

/**
 * Listens on a unix socket that only this user can reach (mode 0600). Takes the place of a socket that a dead process left
 * behind. False, and nothing is listened on, where a living one answers. Throws AppError POLICY_DENIED where something else is
 * at the path, or the file system knows no owners.
 */
export async function listenOnSocket(server: Server, path: string): Promise<boolean> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw refused('the path of the socket is too long', 'use a shorter --directory');
  }
  if (!(await removeStale(path))) return false;
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
  if (isOwn(await lstat(path))) return true;
  server.close();
  throw refused(
    'the socket does not belong to this user alone',
    'put --directory on a file system with owners and modes',
  );
}

/**
 * Whether there is a socket that only this user can have made and reach; false where there is none. Throws AppError
 * POLICY_DENIED where one is there that others own or may open: who answers at it need not be the hub of this user.
 */
export async function hasOwnSocket(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isSocket()) return false;
  if (isOwn(found)) return true;
  throw refused(
    'the socket of the running hub does not belong to you alone',
    `check the owner and mode of ${basename(path)} in the data directory, or use another --directory`,
  );
}

/** False when a living process listens there. */
async function removeStale(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return true;
  if (!found.isSocket() || found.uid !== process.getuid?.()) {
    throw refused('something else is where the socket belongs', 'move it away, or use another --directory');
  }
  if (await answers(path)) return false;
  await unlink(path);
  return true;
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

const isOwn = ({ uid, mode }: Stats): boolean => uid === process.getuid?.() && (mode & OTHERS) === 0;

const refused = (message: string, hint: string): AppError => new AppError('POLICY_DENIED', message, { hint });
