import { createHash } from 'node:crypto';
import { ID_LENGTH, type IdPrefix } from './ids.ts';

/** Ids of what one call makes: the same in every attempt at it, so that a later one finds what an earlier one has made. */
export interface CallIds {
  handle(prefix: IdPrefix): string;
  /** Also the id of a command that is sent to a worker. */
  taskId(): string;
  /** Those of a part of the call, which makes things of its own. */
  part(name: string): CallIds;
}

/** `seed` must hold a secret part: who knows the whole of it knows the ids. */
export function callIds(...seed: readonly string[]): CallIds {
  const hash = (kind: string): string =>
    createHash('sha256')
      .update(JSON.stringify([kind, ...seed]))
      .digest('hex');
  return {
    // 256 bits onto 124: no letter is noticeably likelier than another.
    handle: prefix => `${prefix}_${(BigInt(`0x${hash(prefix)}`) % HANDLES).toString(36).padStart(ID_LENGTH, '0')}`,
    taskId: () => uuidOf(hash('task')),
    part: name => callIds(...seed, name),
  };
}

const HANDLES = 36n ** BigInt(ID_LENGTH);

/** Version 8 of RFC 9562: a UUID whose bits are the program's own affair. */
function uuidOf(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex.slice(15, 16), 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-${variant}${hex.slice(16, 19)}-${hex.slice(19, 31)}`;
}
