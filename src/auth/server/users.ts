import { AppError } from '../../errors/app-error.ts';
import type { Store } from '../../store/store.ts';
import type { UserRecord } from '../../store/sign-in/store.ts';
import { knownScopes } from '../caller.ts';
import { hashPassword, isPassword } from './passwords.ts';

/** Whoever fails so often waits, for twice as long each time; a user cannot be kept out for longer than that by others' guesses. */
const DELAYS = { free: 5, baseSeconds: 30, mostSeconds: 15 * 60 };
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const MAX_TEAMS = 50;

export interface NewUser {
  readonly name: string;
  readonly password: string;
  /** Default: `mcp:tools`. */
  readonly scopes?: readonly string[];
  readonly teams?: readonly string[];
}

/** The users of the built-in authorization server. Everything throws AppError with the way out. */
export interface Users {
  add(user: NewUser): Promise<void>;
  list(): Promise<UserRecord[]>;
  remove(name: string): Promise<void>;
  setPassword(name: string, password: string): Promise<void>;
  lock(name: string): Promise<void>;
  unlock(name: string): Promise<void>;
  /** The name of the user, or undefined, whatever the reason: who asks is told nothing more, and learns nothing by the time it takes. */
  signIn(name: string, password: string): Promise<string | undefined>;
}

export function createUsers({ signIn: store }: Pick<Store, 'signIn'>): Users {
  const orMissing = async (name: string, change: Promise<boolean>): Promise<void> => {
    if (await change) return;
    throw new AppError('NOT_FOUND', `there is no user ${quoted(name)}`, { hint: 'boxswain users list' });
  };
  return {
    async add({ name, password, scopes = ['mcp:tools'], teams = [] }) {
      checkName(name);
      checkScopes(scopes);
      checkTeams(teams);
      const isNew = await store.addUser({ name, scopes, teams, password: await hashPassword(password, { name }) });
      if (!isNew)
        throw new AppError('CONFLICT', `there is a user ${name} already`, {
          hint: 'boxswain users passwd sets another password; boxswain users remove takes the user away',
        });
    },
    list: () => store.users(),
    remove: name => orMissing(name, store.removeUser(name)),
    async setPassword(name, password) {
      await orMissing(name, store.setPassword(name, await hashPassword(password, { name })));
    },
    lock: name => orMissing(name, store.setLocked(name, true)),
    unlock: name => orMissing(name, store.setLocked(name, false)),
    async signIn(typed, password) {
      const name = typed.trim().toLowerCase();
      const hash = NAME.test(name) ? await store.beginSignIn(name, DELAYS) : undefined;
      if (!(await isPassword(password, hash))) return undefined;
      await store.endSignIn(name);
      return name;
    },
  };
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new AppError('VALIDATION_ERROR', `${quoted(name)} is no name for a user`, {
    hint: 'at most 64 lower-case letters, digits, dots, hyphens and underscores, with a letter or digit at both ends',
  });
}

function checkScopes(scopes: readonly string[]): void {
  const unknown = scopes.find(scope => !knownScopes.includes(scope));
  if (unknown === undefined && scopes.length > 0) return;
  throw new AppError(
    'VALIDATION_ERROR',
    unknown === undefined ? 'a user needs a scope' : `there is no scope ${quoted(unknown)}`,
    { hint: `the scopes are ${knownScopes.join(', ')}` },
  );
}

function checkTeams(teams: readonly string[]): void {
  if (teams.length <= MAX_TEAMS && teams.every(team => /^[\x21-\x7e]{1,128}$/.test(team))) return;
  throw new AppError('VALIDATION_ERROR', 'a team has at most 128 visible ASCII characters and no blanks', {
    hint: `a user is in at most ${MAX_TEAMS} teams`,
  });
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 64));
