import { AppError } from '../../errors/app-error.ts';
import type { AuditRecord } from '../../store/rows.ts';
import type { Store } from '../../store/store.ts';
import type { UserRecord } from '../../store/sign-in/store.ts';
import { knownScopes, localCaller } from '../caller.ts';
import { hashPassword, isPassword } from './passwords.ts';
import { callerOfUser, type SignInAudit, type SignInEvent, signInEntry } from './sign-in-audit.ts';

/** Whoever fails so often waits, for twice as long each time; a user cannot be kept out for longer than that by others' guesses. */
const DELAYS = { free: 5, baseSeconds: 30, mostSeconds: 15 * 60 };
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const MAX_TEAMS = 50;
/** No user has it. */
const NO_NAME = '';

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
  /**
   * The name of the user, or undefined, whatever the reason: who asks is told nothing more, and learns nothing by the time it takes.
   * `details` go into the audit.
   */
  signIn(name: string, password: string, details?: AuditRecord['details']): Promise<string | undefined>;
}

interface Change {
  readonly event: SignInEvent;
  readonly details: AuditRecord['details'];
}

/** `by`: whose changes of users these are, for the audit, which also has every sign-in, whether or not it succeeds. */
export function createUsers(
  { signIn: store }: Pick<Store, 'signIn'>,
  { audit, by = localCaller.id }: { audit: SignInAudit; by?: string },
): Users {
  const changed = async ({ event, details }: Change, change: () => Promise<boolean>): Promise<boolean> => {
    audit.admit();
    const isDone = await change();
    if (isDone) await audit.record(signInEntry(event, { caller: by, details }));
    return isDone;
  };
  const change = async ({ event, name }: { event: SignInEvent; name: string }, work: () => Promise<boolean>) => {
    if (await changed({ event, details: { user: name } }, work)) return;
    throw new AppError('NOT_FOUND', `there is no user ${quoted(name)}`, { hint: 'boxswain users list' });
  };
  return {
    async add({ name, password, scopes = ['mcp:tools'], teams = [] }) {
      checkName(name);
      checkScopes(scopes);
      checkTeams(teams);
      const hash = await hashPassword(password, { name });
      const details = { user: name, scopes: [...scopes], teams: [...teams] };
      const add = () => store.addUser({ name, scopes, teams, password: hash });
      const isNew = await changed({ event: 'user_add', details }, add);
      if (!isNew)
        throw new AppError('CONFLICT', `there is a user ${name} already`, {
          hint: 'boxswain users passwd sets another password; boxswain users remove takes the user away',
        });
    },
    list: () => store.users(),
    remove: name => change({ event: 'user_remove', name }, () => store.removeUser(name)),
    async setPassword(name, password) {
      const hash = await hashPassword(password, { name });
      await change({ event: 'user_password', name }, () => store.setPassword(name, hash));
    },
    lock: name => change({ event: 'user_lock', name }, () => store.setLocked(name, true)),
    unlock: name => change({ event: 'user_unlock', name }, () => store.setLocked(name, false)),
    async signIn(typed, password, details = {}) {
      const since = performance.now();
      audit.admit();
      const name = typed.trim().toLowerCase();
      const hash = NAME.test(name) ? await store.beginSignIn(name, DELAYS) : undefined;
      if (await isPassword(password, hash)) {
        await store.endSignIn(name);
        await audit.record(signInEntry('sign_in', { caller: callerOfUser(name), details, since }));
        return name;
      }
      // Asked for whoever it was, and however it failed: the time it takes tells nothing.
      const user = await store.user(NAME.test(name) ? name : NO_NAME);
      const { outcome, ...why } = user === undefined ? UNKNOWN : whyNot(user, hash !== undefined);
      const facts = { caller: callerOfUser(user?.name), outcome, details: { ...details, ...why }, since };
      audit.note(signInEntry('sign_in', facts));
      return undefined;
    },
  };
}

const UNKNOWN = { outcome: 'UNAUTHORIZED' };

/** What a failed sign-in of somebody who is a user is written down with. `wasTried`: the password was looked at. */
function whyNot({ isLocked, failures, blockedUntil }: UserRecord, wasTried: boolean) {
  const until = { blocked_until: new Date(blockedUntil).toISOString() };
  if (isLocked) return { outcome: 'POLICY_DENIED', reason: 'locked' };
  if (!wasTried) return { outcome: 'RATE_LIMITED', reason: 'blocked', failures, ...until };
  const isBlocked = failures >= DELAYS.free;
  return { outcome: 'UNAUTHORIZED', reason: 'wrong_password', failures, ...(isBlocked && until) };
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
