import { z } from 'zod';
import type { IssuerConfig } from '../../config/auth.ts';
import { expandScopes } from '../caller.ts';
import { canonical } from '../resource.ts';
import type { Verdict } from '../verdict.ts';

const list = z.union([z.string(), z.array(z.string())]);
/** What tokens of every kind say; `resource` and `resource_url` are what servers without `aud` write. */
const claimsSchema = z.looseObject({
  // What ends up in ids of callers: no blanks, which could make one id look like another.
  sub: z.string().regex(/^[\x21-\x7e]{1,255}$/),
  aud: list.optional(),
  resource: list.optional(),
  resource_url: z.string().optional(),
  scope: list.optional(),
  scp: list.optional(),
  name: z.string().optional(),
  preferred_username: z.string().optional(),
  email: z.string().optional(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
  cnf: z.unknown().optional(),
});

/** How far clocks may be apart. */
export const LEEWAY_SECONDS = 10;

export interface Expected extends Pick<IssuerConfig, 'name' | 'issuer' | 'scopes' | 'team_claim'> {
  /** What names this resource. */
  readonly audiences: readonly string[];
  /** Whether a token that names no audience is good: its issuer knows none, and the operator relies on it all the same. */
  readonly mayLackAudience?: boolean;
  /** What a token has that names no scopes. */
  readonly usualScopes?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Who a token stands for, by what its issuer says of it. The issuer and the signature, where there is one, were checked. */
export function judgeClaims(said: unknown, expected: Expected): Verdict {
  const parsed = claimsSchema.safeParse(said);
  if (!parsed.success) return { refused: 'the claims are not readable, or name no subject' };
  const claims = parsed.data;
  // A token that is bound to a key proves nothing without that key.
  if (claims.cnf !== undefined) return { refused: 'the token is bound to a key' };
  const seconds = expected.now / 1000;
  if (claims.exp !== undefined && claims.exp + LEEWAY_SECONDS <= seconds)
    return { refused: 'expired', isExpired: true };
  if (claims.nbf !== undefined && claims.nbf - LEEWAY_SECONDS > seconds) return { refused: 'not valid yet' };
  const audience = refusedAudience(many(claims.aud ?? claims.resource ?? claims.resource_url), expected);
  if (audience !== undefined) return { refused: audience };
  const teams = expected.team_claim === undefined ? [] : teamsIn(claims[expected.team_claim]);
  return {
    caller: {
      id: `${expected.name}:${claims.sub}`,
      scopes: scopesOf(claims, expected),
      teams: new Set(teams),
      name: claims.name ?? claims.preferred_username ?? claims.email,
    },
    expiresAt: claims.exp === undefined ? undefined : (claims.exp + LEEWAY_SECONDS) * 1000,
  };
}

/** This resource must be named, and no other beside it, where the token could be used as well; endpoints of the issuer are none. */
function refusedAudience(
  named: readonly string[],
  { audiences, issuer, mayLackAudience }: Expected,
): string | undefined {
  if (named.length === 0) return mayLackAudience === true ? undefined : 'the token names no audience';
  const ours = new Set(audiences.map(canonical));
  const given = named.map(canonical);
  if (!given.some(audience => ours.has(audience))) return 'the token is for another resource';
  const { origin } = new URL(issuer);
  const isForeign = (audience: string) =>
    !ours.has(audience) && !(URL.canParse(audience) && new URL(audience).origin === origin);
  return given.some(isForeign) ? 'the token is for another resource too' : undefined;
}

function scopesOf(
  claims: z.output<typeof claimsSchema>,
  { scopes: most, usualScopes = [] }: Expected,
): ReadonlySet<string> {
  const said = claims.scope ?? claims.scp;
  const granted = expandScopes(
    said === undefined ? (most ?? usualScopes) : many(said).flatMap(text => text.split(' ')),
  );
  if (most === undefined) return granted;
  const limit = expandScopes(most);
  return new Set([...granted].filter(scope => limit.has(scope)));
}

const MAX_TEAMS = 500;

function teamsIn(claim: unknown): string[] {
  const parsed = list.safeParse(claim);
  return parsed.success ? many(parsed.data).slice(0, MAX_TEAMS) : [];
}

const many = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;
