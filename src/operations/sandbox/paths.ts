import { posix } from 'node:path';
import { AppError } from '../../errors/app-error.ts';

const MAX_PATH_BYTES = 4096;
const ROOT = '/workspace';

/**
 * The path relative to the workspace root, without `.` and `..`; the root itself is the empty string. Throws PATH_INVALID for
 * what no workspace could hold. Links are followed in the box and nowhere else, so a path that passes here may still be
 * refused there.
 */
export function relativePath(path: string): string {
  if (path.includes('\0')) throw new AppError('PATH_INVALID', 'path must not hold a NUL character');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new AppError('PATH_INVALID', `path must be at most ${MAX_PATH_BYTES} bytes long`);
  }
  const inside = path === ROOT || path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length).replace(/^\/+/, '') : path;
  if (inside.startsWith('/')) {
    throw new AppError('PATH_INVALID', `path must be relative to workspace root, got absolute path: ${path}`);
  }
  const clean = posix.normalize(inside).replace(/\/$/, '');
  if (clean === '..' || clean.startsWith('../')) {
    throw new AppError('PATH_INVALID', `path traversal not allowed: ${path}`);
  }
  return clean === '.' ? '' : clean;
}

/** The same for an argument that may be absent. */
export const optionalPath = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : relativePath(path);
