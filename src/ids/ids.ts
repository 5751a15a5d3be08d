import { randomBytes, randomUUID } from 'node:crypto';

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 24;
/** The largest multiple of 36 that fits a byte; larger bytes are dropped so that every letter is equally likely. */
const UNBIASED = 252;

/** A handle such as `ws_4k…`: prefix and 24 letters of a CSPRNG (124 bits). */
export function newId(prefix: 'ws' | 'art' | 'cp' | 'wk' | 'box' | 'req' | 'up' | 'aud'): string {
  let id = '';
  while (id.length < ID_LENGTH) {
    for (const byte of randomBytes(ID_LENGTH + 8)) {
      if (byte < UNBIASED && id.length < ID_LENGTH) id += ALPHABET[byte % ALPHABET.length];
    }
  }
  return `${prefix}_${id}`;
}

/** Task ids, and the ids of commands sent to workers, are lower-case UUIDs. */
export const newTaskId = (): string => randomUUID();
