import type { AuditRecord } from '../../store/rows.ts';

type Entry = Omit<AuditRecord, 'id' | 'time'>;

/** Where the authorization server writes down what it did; the hub's own audit is one. */
export interface SignInAudit {
  /** Throws AppError SERVICE_UNAVAILABLE while nothing can be written, so that nothing is done that would leave no trace. */
  admit(): void;
  /** Settles when the record is durable. */
  record(entry: Entry): Promise<void>;
  /** For what nobody waits for. */
  note(entry: Entry): void;
}

/** What there are records of, beside the calls of operations. */
export type SignInEvent =
  | 'sign_in'
  | 'consent'
  | 'token_issue'
  | 'grant_revoke'
  | 'user_add'
  | 'user_remove'
  | 'user_password'
  | 'user_lock'
  | 'user_unlock'
  | 'signing_keys_replace';

interface EventFacts {
  /** Id of who did it. */
  readonly caller: string;
  /** `ok`, or a code of the errors. */
  readonly outcome?: string;
  readonly grantId?: string;
  readonly details?: AuditRecord['details'];
  /** When it began, by `performance.now`. */
  readonly since?: number;
}

/** Somebody who shows what no user has: the name that was typed is not written down, it may be a password. */
export const NOBODY = 'unknown';
export const callerOfUser = (name: string | undefined): string => (name === undefined ? NOBODY : `user:${name}`);

/** A record of an event. Passwords, codes and tokens are no part of it; a grant's id is no secret. */
export const signInEntry = (
  operation: SignInEvent,
  { caller, outcome = 'ok', grantId, details = {}, since }: EventFacts,
): Entry => ({
  caller,
  operation,
  handles: grantId === undefined ? {} : { grant_id: grantId },
  outcome,
  durationMs: since === undefined ? 0 : Math.round((performance.now() - since) * 1000) / 1000,
  details: { surface: 'sign-in', ...details },
});
