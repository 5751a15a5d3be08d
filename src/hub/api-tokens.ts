import { type Caller, expandScopes, hasScope, knownScopes } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import { hashOfToken, newApiToken } from '../ids/api-token.ts';
import { newId } from '../ids/ids.ts';
import type { ApiTokenRecord } from '../store/credentials/api-tokens.ts';
import type { Foundation } from './foundation.ts';

const MOST_PER_CALLER = 100;
const PRUNE_MS = 3_600_000;
/** One that ended stays listed for so long. */
const KEEP_MS = 30 * 24 * 60 * 60 * 1000;

export interface ApiTokenRequest {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly lifeSeconds: number;
}

/** The tokens that callers make for their scripts. */
export class ApiTokenDesk {
  readonly #foundation: Foundation;
  readonly #listeners: ((id: string) => void)[] = [];

  constructor(foundation: Foundation) {
    this.#foundation = foundation;
    const { store, background } = foundation;
    background.every(PRUNE_MS, 'forget API tokens', async () => {
      await store.apiTokens.prune((await store.now()) - KEEP_MS);
    });
  }

  /** `token` is the secret. It is not kept, so it is told this once. Throws AppError for what the caller may not give away. */
  async create(
    { name, scopes, lifeSeconds }: ApiTokenRequest,
    caller: Caller,
  ): Promise<{ record: ApiTokenRecord; token: string }> {
    // It would outlive its own end by them, and the revocation of itself.
    if (caller.credential !== undefined)
      throw new AppError('POLICY_DENIED', 'an API token cannot make API tokens', {
        hint: 'sign in, or use the command line on the machine of the hub',
      });
    for (const scope of scopes) requireOwn(scope, caller);
    const token = newApiToken();
    const record = await this.#foundation.store.apiTokens.insert(
      {
        ...{ id: newId('tok'), hash: hashOfToken(token), caller: caller.id, callerName: caller.name ?? null },
        ...{ name, scopes: [...new Set(scopes)], teams: [...caller.teams], lifeSeconds },
      },
      { most: MOST_PER_CALLER },
    );
    if (record) return { record, token };
    throw new AppError('CAPACITY_EXCEEDED', `a caller has at most ${MOST_PER_CALLER} API tokens`, {
      hint: 'revoke those that are not needed any more: boxswain tokens list',
    });
  }

  /** The caller's own; those of everybody only for who may administer. */
  async list({ all }: { all: boolean }, caller: Caller): Promise<ApiTokenRecord[]> {
    return await this.#foundation.store.apiTokens.list(all && hasScope(caller, 'admin') ? {} : { caller: caller.id });
  }

  /** From the next look on it is good nowhere. Who may administer revokes those of everybody. Throws AppError NOT_FOUND. */
  async revoke(id: string, caller: Caller): Promise<ApiTokenRecord> {
    const whose = hasScope(caller, 'admin') ? {} : { caller: caller.id };
    const record = await this.#foundation.store.apiTokens.revoke(id, whose);
    if (!record) throw new AppError('NOT_FOUND', `API token not found: ${id}`, { hint: 'see boxswain tokens list' });
    for (const listener of this.#listeners) listener(record.id);
    return record;
  }

  /** Hears of every revocation at this hub, by the id of the token. */
  onRevoked(listener: (id: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Whom the token with this hash acts for, and until when, in epoch milliseconds; also notes that it was used. */
  async callerOf(hash: string): Promise<{ caller: Caller; expiresAt: number } | 'unknown' | 'revoked' | 'expired'> {
    const { store, log } = this.#foundation;
    const record = await store.apiTokens.find(hash);
    if (!record) return 'unknown';
    if (record.revokedAt !== null) return 'revoked';
    if (record.isExpired) return 'expired';
    store.apiTokens.used(record.id).catch(error => log.warn({ err: error }, 'the use of an API token was not noted'));
    const { caller: id, callerName, scopes, teams, expiresAt } = record;
    const name = callerName ?? undefined;
    return {
      caller: { id, name, scopes: expandScopes(scopes), teams: new Set(teams), credential: record.id },
      expiresAt,
    };
  }
}

/** A token never has more than its maker. */
function requireOwn(scope: string, caller: Caller): void {
  if (!knownScopes.includes(scope))
    throw new AppError('VALIDATION_ERROR', `there is no scope ${scope.slice(0, 64)}`, {
      hint: `the scopes are: ${knownScopes.join(', ')}`,
    });
  const implied = [...expandScopes([scope])];
  // Whoever has all that `mcp:tools` implies, has it.
  const isOwn = implied.every(one => hasScope(caller, one) || (one === 'mcp:tools' && implied.length > 1));
  if (!isOwn)
    throw new AppError('INSUFFICIENT_SCOPE', `a token cannot have the scope "${scope}", which you do not have`, {
      hint: `yours are: ${[...caller.scopes].join(', ')}`,
      details: { required_scope: scope },
    });
}
