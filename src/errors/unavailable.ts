import { AppError } from './app-error.ts';

/** Of sockets, and of SQL: connections that end, a server that starts or stops, and one that takes no more. */
const SIGNS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNABORTED',
  'EHOSTDOWN',
  'ENETDOWN',
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  // A server that takes over for another and may not write yet.
  '25006',
  '53300',
  '57P01',
  '57P02',
  '57P03',
]);
/** A file of records that somebody else holds, or that is not where it was. */
const FILE_AWAY = /^SQLITE_(BUSY|CANTOPEN|IOERR|PROTOCOL|READONLY_DBMOVED)/;
/** What `pg` says without a code, of a connection that broke under a query, or of a server that does not answer. */
const WORDS =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout e(?:xceeded|xpired))/;
/** A disk that takes no more: of files, of SQLite, of PostgreSQL. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', '53100']);
const MAX_CAUSES = 4;

/**
 * What a caller is told when something that the hub stands on, such as the records or the contents, could not be reached. Undefined
 * for any other failure.
 */
export function unavailable(error: unknown): AppError | undefined {
  let at = error;
  for (let depth = 0; depth < MAX_CAUSES && at instanceof Error; depth++) {
    if (at instanceof AppError && at.code === 'SERVICE_UNAVAILABLE') return at;
    if ('code' in at && FULL.has(String(at.code))) {
      return new AppError('SERVICE_UNAVAILABLE', 'a disk that this hub needs is full, so nothing can be written', {
        hint: 'ask the operator to free space on the disk of the server, then call again',
        details: { reason: 'disk_full', retry_after_seconds: 5 },
        cause: error,
      });
    }
    if (('code' in at && isSign(String(at.code))) || isMissingSocket(at) || WORDS.test(at.message)) {
      return new AppError('SERVICE_UNAVAILABLE', 'a service that this hub needs cannot be reached at the moment', {
        details: { retry_after_seconds: 1 },
        cause: error,
      });
    }
    at = at.cause;
  }
  return undefined;
}

const isSign = (code: string): boolean => SIGNS.has(code) || FILE_AWAY.test(code);

/** A server that listens on a unix socket has taken it with it. */
const isMissingSocket = (error: Error): boolean =>
  'code' in error && error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect';
