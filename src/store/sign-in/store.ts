import type { JsonObject } from '../rows.ts';

/** Somebody who may sign in at the built-in authorization server. */
export interface UserRecord {
  readonly name: string;
  /** The most that tokens of this user give. */
  readonly scopes: readonly string[];
  readonly teams: readonly string[];
  /** By an operator: no sign-in, and no token. */
  readonly isLocked: boolean;
  /** Sign-ins that failed since the last that did not. */
  readonly failures: number;
  /** Epoch milliseconds until which every sign-in fails; 0: none does for that. */
  readonly blockedUntil: number;
  readonly createdAt: number;
  readonly signedInAt: number | null;
}

/** What the authorization server remembers: a client, a session of a browser, a code, a refresh token, a grant. */
export interface SignInRecord {
  readonly kind: string;
  readonly id: string;
  readonly payload: JsonObject;
  readonly grantId?: string;
  readonly uid?: string;
  /** Name of the user. */
  readonly account?: string;
  /** Undefined: it stays. */
  readonly expiresInSeconds?: number;
}

export interface FoundRecord {
  readonly id: string;
  readonly payload: JsonObject;
  /** Epoch milliseconds. */
  readonly consumedAt: number | null;
}

/** Users of the built-in authorization server and its records; all times by the database's clock. */
export interface SignInStore {
  /** False when there is a user of this name. */
  addUser(user: Pick<UserRecord, 'name' | 'scopes' | 'teams'> & { readonly password: string }): Promise<boolean>;
  user(name: string): Promise<UserRecord | undefined>;
  users(): Promise<UserRecord[]>;
  /** With all sessions, grants and tokens, as do the next two. False: there is none. */
  removeUser(name: string): Promise<boolean>;
  /** Unlocks nothing but what failed sign-ins have blocked. */
  setPassword(name: string, password: string): Promise<boolean>;
  setLocked(name: string, isLocked: boolean): Promise<boolean>;
  /**
   * Counts a sign-in as failed before its password is looked at, so that no number of attempts at once gets past the count. The hash
   * of the password, or undefined: there is no such user, or it may not sign in now. From the `free`th attempt on, each blocks the
   * user for twice as long, `baseSeconds` at first and never more than `mostSeconds`.
   */
  beginSignIn(
    name: string,
    delays: { free: number; baseSeconds: number; mostSeconds: number },
  ): Promise<string | undefined>;
  /** The password was right: nothing has failed. */
  endSignIn(name: string): Promise<void>;

  put(record: SignInRecord): Promise<void>;
  /** Unless one is there. False: there is one, or there are `most` of this kind. */
  insert(record: SignInRecord, options?: { most?: number }): Promise<boolean>;
  /** None that has expired. */
  find(kind: string, by: { id: string } | { uid: string }): Promise<FoundRecord | undefined>;
  /** False when it was consumed before, or is gone: of several at once, one gets true. */
  consume(kind: string, id: string): Promise<boolean>;
  remove(kind: string, id: string): Promise<void>;
  /** Everything that hangs on a grant, the grant included; only what is of one kind, where it is named. */
  removeGrant(grantId: string, kind?: string): Promise<void>;
  /** It expires no earlier than this. */
  keep(kind: string, id: string, seconds: number): Promise<void>;
  /** The user of a grant, while both are in force. */
  userOfGrant(grantId: string): Promise<UserRecord | undefined>;
  prune(): Promise<number>;
}
