import { randomFillSync, randomUUID } from 'node:crypto';

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
export const ID_LENGTH = 24;
export type IdPrefix = 'ws' | 'art' | 'cp' | 'wk' | 'box' | 'req' | 'up' | 'aud' | 'sh' | 'tok';
/** The largest multiple of 36 that fits a byte; larger bytes are dropped so that every letter is equally likely. */
const UNBIASED = 252;

/** A handle such as `ws_4k…`: prefix and 24 letters of a CSPRNG (124 bits). */
export function newId(prefix: IdPrefix): string {
  let id = '';
  while (id.length < ID_LENGTH) {
    const byte = nextRandomByte();
    if (byte < UNBIASED) id += ALPHABET[byte % ALPHABET.length];
  }
  return `${prefix}_${id}`;
}

/** Asking the system for a few bytes costs as much as for many; each byte is given out once. */
const pool = Buffer.alloc(8192);
let given = pool.length;

function nextRandomByte(): number {
  if (given === pool.length) {
    randomFillSync(pool);
    given = 0;
  }
  const byte = pool.readUInt8(given);
  pool[given] = 0;
  given += 1;
  return byte;
}

/** Task ids, and the ids of commands sent to workers, are lower-case UUIDs. */
export const newTaskId = (): string => randomUUID();
