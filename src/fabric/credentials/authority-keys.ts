import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rm, stat } from 'node:fs/promises';
import { createAccount, createOperator, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';

/** Whoever holds these can make credentials for anybody. */
export interface AuthorityKeys {
  readonly operator: KeyPair;
  readonly system: KeyPair;
  readonly account: KeyPair;
  /** Signs the credentials of the account. */
  readonly signing: KeyPair;
}

const seed = (letter: string) => z.string().regex(new RegExp(`^S${letter}[A-Z2-7]{56}$`));
const fileSchema = z.object({
  version: z.literal(1),
  operator: seed('O'),
  system: seed('A'),
  account: seed('A'),
  signing: seed('A'),
});

/** Reads the keys of a file, or makes both. Several processes may do so at the same time: all get the same keys. */
export async function openKeys(file: string): Promise<AuthorityKeys> {
  const found = await readKeys(file);
  if (found) return found;
  await makeKeys(file);
  const made = await readKeys(file);
  if (!made) throw new Error('the keys of the NATS authority have vanished');
  return made;
}

async function readKeys(file: string): Promise<AuthorityKeys | undefined> {
  const found = await stat(file).catch(undefinedIfMissing).catch(explainDenial);
  if (!found) return undefined;
  if ((found.mode & 0o077) !== 0 || (process.getuid !== undefined && found.uid !== process.getuid())) {
    throw refused('the keys of the NATS authority must belong to this user and be readable by nobody else (chmod 600)');
  }
  const parsed = fileSchema.safeParse(jsonOf(await readFile(file, 'utf8')));
  // Neither the path nor what is wrong with a value is told: both could end up in a log.
  if (!parsed.success)
    throw refused('the file with the keys of the NATS authority is damaged; restore it from a backup');
  const { operator, system, account, signing } = parsed.data;
  return { operator: pair(operator), system: pair(system), account: pair(account), signing: pair(signing) };
}

/** Leaves keys that another process has made meanwhile. */
async function makeKeys(file: string): Promise<void> {
  const keys = {
    operator: createOperator(),
    system: createAccount(),
    account: createAccount(),
    signing: createAccount(),
  };
  const seeds = Object.entries(keys).map(([name, key]) => [name, new TextDecoder().decode(key.getSeed())]);
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify({ version: 1, ...Object.fromEntries(seeds) }));
    await handle.sync();
    await handle.close();
    await chmod(draft, 0o600);
    await link(draft, file);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** The directory belongs to another user: nothing in it can even be looked at. */
export function explainDenial(error: unknown): never {
  if (!isCode(error, 'EACCES')) throw error;
  throw refused('the directory of the NATS authority belongs to another user');
}

const refused = (message: string): AppError =>
  new AppError('POLICY_DENIED', message, {
    hint: 'authority/ in the data directory must belong to the user who runs this; a hub may join with a token instead',
  });

const pair = (text: string): KeyPair => fromSeed(new TextEncoder().encode(text));

export function undefinedIfMissing(error: unknown): undefined {
  if (!isCode(error, 'ENOENT')) throw error;
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
