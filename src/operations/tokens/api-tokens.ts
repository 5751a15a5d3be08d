import { z } from 'zod';
import { knownScopes } from '../../auth/caller.ts';
import type { ApiTokenRecord } from '../../store/credentials/api-tokens.ts';
import { defineOperation } from '../define.ts';

const DAY_SECONDS = 86_400;
const shared = { toolset: 'sandbox', isTool: false } as const;
const changes = { readOnly: false, destructive: false, idempotent: false, openWorld: false };

const token = z.looseObject({
  token_id: z.string(),
  name: z.string(),
  caller: z.string(),
  scopes: z.array(z.string()),
  state: z.enum(['good', 'expired', 'revoked']),
  created_at: z.string(),
  expires_at: z.string(),
  last_used_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});
type TokenOutput = z.output<typeof token>;

export const apiTokenCreate = defineOperation({
  ...shared,
  name: 'api_token_create',
  title: 'Make an API token',
  description: 'Make a token with which a script can act for you. It is a secret, and told this once.',
  input: z.strictObject({
    name: z.string().trim().min(1).max(100).describe('what it is for, for you to read'),
    scopes: z
      .array(z.string())
      .min(1)
      .max(20)
      .describe(`what it may be used for, at most what you may do yourself: ${knownScopes.join(', ')}`),
    expires_seconds: z
      .int()
      .min(60)
      .max(366 * DAY_SECONDS)
      .default(90 * DAY_SECONDS)
      .describe('how long it is good'),
  }),
  output: token.extend({ token: z.string() }),
  hints: changes,
  scope: 'any:write',
  cli: {
    words: ['tokens', 'create'],
    positional: 'name',
    examples: [
      'boxswain tokens create ci --scopes sandbox:write',
      'boxswain tokens create report --scopes sessions:read fleet:read --expires-seconds 86400 --json',
    ],
  },
  async run({ name, scopes, expires_seconds: lifeSeconds }, { hub, caller }) {
    const { record, token: secret } = await hub.apiTokens.create({ name, scopes, lifeSeconds }, caller);
    return { ...viewOf(record), token: secret };
  },
  text: ({ token: secret, token_id, expires_at }) =>
    `${secret}\nThis is shown once. It is ${token_id}, and good until ${expires_at}. Send it as Authorization: Bearer.`,
});

export const apiTokenList = defineOperation({
  ...shared,
  name: 'api_token_list',
  title: 'List API tokens',
  description: 'List the API tokens that you made, the newest first; those that ended stay listed for 30 days.',
  input: z.strictObject({ all: z.boolean().default(false).describe('those of everybody, where you may administer') }),
  output: z.looseObject({ tokens: z.array(token) }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'any',
  cli: { words: ['tokens', 'list'], examples: ['boxswain tokens list', 'boxswain tokens list --all --json'] },
  run: async ({ all }, { hub, caller }) => ({ tokens: (await hub.apiTokens.list({ all }, caller)).map(viewOf) }),
  text: ({ tokens }) => asTable(tokens),
});

export const apiTokenRevoke = defineOperation({
  ...shared,
  name: 'api_token_revoke',
  title: 'Revoke an API token',
  description:
    'Make an API token void. It stops working at every hub at once; one that does not hear of it lets it in for half a minute more.',
  input: z.strictObject({ token_id: z.string().min(1).max(64).describe('as in tokens list') }),
  output: token,
  hints: { ...changes, destructive: true, idempotent: true },
  scope: 'any',
  cli: { words: ['tokens', 'revoke'], positional: 'token_id', examples: ['boxswain tokens revoke tok_4k…'] },
  run: async ({ token_id }, { hub, caller }) => viewOf(await hub.apiTokens.revoke(token_id, caller)),
  text: ({ token_id }) => `revoked ${token_id}`,
});

function viewOf(record: ApiTokenRecord): TokenOutput {
  const { id, name, caller, scopes, isExpired, createdAt, expiresAt, lastUsedAt, revokedAt } = record;
  return {
    token_id: id,
    name,
    caller,
    scopes,
    state: revokedAt !== null ? 'revoked' : isExpired ? 'expired' : 'good',
    created_at: timeOf(createdAt),
    expires_at: timeOf(expiresAt),
    last_used_at: lastUsedAt === null ? null : timeOf(lastUsedAt),
    revoked_at: revokedAt === null ? null : timeOf(revokedAt),
  };
}

const timeOf = (time: number): string => new Date(time).toISOString();

function asTable(tokens: readonly TokenOutput[]): string {
  if (tokens.length === 0) return 'there are no API tokens';
  const lines = tokens.map(({ token_id, name, state, scopes, expires_at, last_used_at }) =>
    [token_id, state, scopes.join(','), `until ${expires_at}`, `used ${last_used_at ?? 'never'}`, name].join('  '),
  );
  return lines.join('\n');
}
