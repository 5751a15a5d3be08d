import { createHash } from 'node:crypto';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { z } from 'zod';
import type { JsonObject } from '../../store/rows.ts';
import type { Store } from '../../store/store.ts';
import { areNative, isSafeRedirect } from './redirects.ts';

/** Ids that are no secrets. All others are what somebody shows, so only their hashes are kept. */
const OPEN: ReadonlySet<string> = new Set(['Client', 'Grant']);
/** Of those, a payload holds the id again, and the session's; it is added when it is read. */
const SECRETS: ReadonlySet<string> = new Set(['jti', 'cookie', 'returnTo']);
/** A client that nobody signed in with is forgotten after a day, one with which somebody has, long after its last grant. */
const NEW_CLIENT_SECONDS = 24 * 60 * 60;
const USED_CLIENT_SECONDS = 180 * 24 * 60 * 60;
const MOST_CLIENTS = 5_000;

const payloadSchema: z.ZodType<AdapterPayload> = z.looseObject({});
const jsonSchema = z.string().transform((text, context): JsonObject => {
  const parsed = z.record(z.string(), z.json()).safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: 'is no JSON object' });
  return z.NEVER;
});

interface AdapterParts {
  readonly store: Pick<Store, 'signIn'>;
  /** Where a browser goes on with the interaction of this id. */
  readonly returnTo: (uid: string) => string;
  /** Tokens that were good are not any more. */
  readonly revoked: (revocation: Revocation) => void;
  /** The library ends a grant because of what was shown again, and not because its client asked for it. */
  readonly isReplayed: () => boolean;
}

export interface Revocation {
  readonly grantId?: string;
  /** Name of the user. */
  readonly account?: string;
  readonly clientId?: string;
  /** A code or token that was used up has been shown again. */
  readonly isReplay: boolean;
}

/** The records of the library in the store: the same for all hubs. */
export function createAdapter({
  store: { signIn },
  returnTo,
  revoked,
  isReplayed,
}: AdapterParts): (kind: string) => Adapter {
  return kind => {
    const keyOf = (id: string): string =>
      OPEN.has(kind) ? id : createHash('sha256').update(`${kind} ${id}`).digest('base64url');
    const read = async (by: { id: string } | { uid: string }, id?: string): Promise<AdapterPayload | undefined> => {
      const found = await signIn.find(kind, by);
      if (!found) return undefined;
      return payloadSchema.parse({
        ...found.payload,
        ...(id !== undefined && kind !== 'Client' && { jti: id }),
        ...(id !== undefined && kind === 'Interaction' && { returnTo: returnTo(id) }),
        ...(found.consumedAt !== null && { consumed: Math.floor(found.consumedAt / 1000) }),
      });
    };
    return {
      async upsert(id, payload, expiresInSeconds) {
        const record = { kind, id: keyOf(id), payload: kind === 'Client' ? jsonOf(payload) : withoutSecrets(payload) };
        if (kind === 'Client') return await register({ ...record, payload: checkedClient(payload) });
        const { grantId, uid, accountId: account, clientId } = payload;
        await signIn.put({ ...record, grantId: kind === 'Grant' ? id : grantId, uid, account, expiresInSeconds });
        if (kind === 'Grant' && clientId !== undefined) await signIn.keep('Client', clientId, USED_CLIENT_SECONDS);
      },
      find: id => read({ id: keyOf(id) }, id),
      findByUid: uid => read({ uid }),
      // Device codes are switched off, so nothing has one.
      findByUserCode: async () => undefined,
      async consume(id) {
        if (await signIn.consume(kind, keyOf(id))) return;
        // Two have shown the same code or token at the same time: one of them has stolen it.
        const payload = await read({ id: keyOf(id) });
        if (payload?.grantId !== undefined) await signIn.removeGrant(payload.grantId);
        revoked({ ...belongingsOf(payload), grantId: payload?.grantId, isReplay: true });
        throw new errors.InvalidGrant('used already');
      },
      async destroy(id) {
        if (kind !== 'Grant') return await signIn.remove(kind, keyOf(id));
        const grant = await read({ id });
        await signIn.removeGrant(id);
        revoked({ ...belongingsOf(grant), grantId: id, isReplay: isReplayed() });
      },
      revokeByGrantId: grantId => signIn.removeGrant(grantId, kind),
    };

    async function register(record: { kind: string; id: string; payload: JsonObject }): Promise<void> {
      const isNew = await signIn.insert({ ...record, expiresInSeconds: NEW_CLIENT_SECONDS }, { most: MOST_CLIENTS });
      if (!isNew) throw new errors.TemporarilyUnavailable('too many clients have registered lately');
    }
  };
}

const belongingsOf = (payload: AdapterPayload | undefined) => ({
  account: payload?.accountId,
  clientId: payload?.clientId,
});

const jsonOf = (payload: AdapterPayload): JsonObject => jsonSchema.parse(JSON.stringify(payload));

function withoutSecrets(payload: AdapterPayload): JsonObject {
  return jsonSchema.parse(JSON.stringify(payload, (key, value: unknown) => (SECRETS.has(key) ? undefined : value)));
}

function checkedClient(payload: AdapterPayload): JsonObject {
  const uris = payload.redirect_uris ?? [];
  if (!uris.every(isSafeRedirect))
    throw new errors.InvalidClientMetadata('redirect_uris must use https, or lead to the own machine of the user');
  // What a client says it will ask for binds nobody: a later step-up may ask for more.
  const { scope: _, ...rest } = payload;
  return jsonOf({ ...rest, ...(areNative(uris) && { application_type: 'native' }) });
}
