import { randomBytes } from 'node:crypto';
import { hash, hashSync, verify } from '@node-rs/argon2';
import { AppError } from '../../errors/app-error.ts';

/** Argon2id, the library's default, with the costs that OWASP recommends: 19 MiB, two passes, one lane. */
const COSTS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const MIN_CHARACTERS = 12;
const MAX_CHARACTERS = 256;
/** Each takes a core for some tens of milliseconds and 19 MiB: sign-ins must not be a way to exhaust the hub. */
const MOST_AT_ONCE = 2;
const MOST_WAITING = 32;

/** The hash to store. Throws AppError VALIDATION_ERROR for a password that is too short, too long or the user's own name. */
export async function hashPassword(password: string, { name }: { name: string }): Promise<string> {
  const plain = normalized(password);
  const length = [...plain].length;
  const problem =
    length < MIN_CHARACTERS
      ? `is shorter than ${MIN_CHARACTERS} characters`
      : length > MAX_CHARACTERS
        ? `is longer than ${MAX_CHARACTERS} characters`
        : plain.toLowerCase().replaceAll(name.toLowerCase(), '').length < MIN_CHARACTERS / 2
          ? 'is little more than the name of the user'
          : undefined;
  if (problem !== undefined)
    throw new AppError('VALIDATION_ERROR', `the password ${problem}`, {
      hint: 'several random words are easy to remember and hard to guess',
    });
  return await inTurn(() => hash(plain, COSTS));
}

/**
 * Whether the password is the one of the hash. Without a hash the answer is false after the same work, so that its time tells nothing
 * of which users there are. Throws AppError CAPACITY_EXCEEDED when too many are being checked.
 */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  if (password.length > MAX_CHARACTERS * 4) return false;
  const isRight = await inTurn(() => verify(stored ?? NOBODY, normalized(password)));
  return stored !== undefined && isRight;
}

/** Two keyboards may write one letter in two ways. */
const normalized = (password: string): string => password.normalize('NFKC');

/** Of a password that nobody knows, with the same costs. */
const NOBODY = hashSync(randomBytes(32), COSTS);

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (running >= MOST_AT_ONCE) {
    if (waiting.length >= MOST_WAITING)
      throw new AppError('CAPACITY_EXCEEDED', 'too many passwords are being checked', {
        hint: 'try again in a few seconds',
        details: { retry_after_seconds: 2 },
      });
    await new Promise<void>(resolve => waiting.push(resolve));
  } else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}
