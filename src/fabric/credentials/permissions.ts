import type { Permissions } from '@nats-io/jwt';
import { inboxPrefix, tokenOf } from '../nats/subjects.ts';

/**
 * All that a worker may do, which the broker enforces: it speaks under its own name only, and hears what is addressed to it or to all
 * workers. It may not answer into the inbox of whoever asks: its answers, too, go out under its own name, so that no time limit and no
 * reconnect takes away the right to answer.
 */
export function workerPermissions(id: string): Permissions {
  const token = tokenOf(id);
  return {
    pub: { allow: [`h.${token}.>`, `t.${token}.>`] },
    sub: { allow: [`w.${token}.>`, 'w.all.>', `${inboxPrefix(id)}.>`] },
  };
}

/** A hub is trusted with the whole account but for the inboxes of others. */
export function hubPermissions(id: string): Permissions {
  return { sub: { allow: ['h.>', 't.>', 'w.>', `${inboxPrefix(id)}.>`] } };
}

export const CLAIMS_UPDATE = '$SYS.REQ.CLAIMS.UPDATE';

/** Only to tell the broker of a changed account. */
export function errandPermissions(inbox: string): Permissions {
  return { pub: { allow: [CLAIMS_UPDATE] }, sub: { allow: [`${inbox}.>`] } };
}

/** Where the broker is asked for an account, which holds no secret. */
export const claimsLookup = (account: string): string => `$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`;
export const LOOKUP_INBOX = '_INBOX_boxswain_lookup';

/** Only to ask the broker for one account. */
export function lookupPermissions(account: string): Permissions {
  return { pub: { allow: [claimsLookup(account)] }, sub: { allow: [`${LOOKUP_INBOX}.>`] } };
}
