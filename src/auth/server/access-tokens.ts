import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Store } from '../../store/store.ts';
import { AppError } from '../../errors/app-error.ts';
import { expandScopes } from '../caller.ts';
import type { Resource } from '../resource.ts';
import type { TokenSource, Verdict } from '../verdict.ts';
import type { ServerKeys } from './keys.ts';

const claimsSchema = z.object({
  sub: z.string(),
  scope: z.string().optional(),
  grant_id: z.string(),
  exp: z.number(),
});

interface Parts {
  readonly store: Pick<Store, 'signIn'>;
  readonly keys: ServerKeys;
  readonly issuer: string;
  readonly resource: Resource;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/**
 * Judges the access tokens that are issued here: by the keys, and by what the records say of their grant and user at this moment, so
 * that what was revoked is void at once and what a user lost is lost to all tokens.
 */
export function accessTokens({ store: { signIn }, keys, issuer, resource, now = Date.now }: Parts): TokenSource {
  const publicKeys = keys.signing.map(({ kty, kid, x, y }) => ({ kty, crv: 'P-256', kid, x, y, alg: 'ES256' }));
  const keySet = createLocalJWKSet({ keys: publicKeys });
  const claimsIn = async (token: string) => {
    const { payload } = await jwtVerify(token, keySet, {
      issuer,
      audience: resource.mcp,
      algorithms: ['ES256'],
      typ: 'at+jwt',
      currentDate: new Date(now()),
      requiredClaims: ['exp', 'sub', 'aud'],
    });
    return claimsSchema.parse(payload);
  };
  return {
    judges: token => issuerOf(token) === issuer,
    async verify(token): Promise<Verdict> {
      const claims = await claimsIn(token).catch((error: unknown) => {
        if (error instanceof errors.JOSEError || error instanceof z.ZodError) return error;
        throw error;
      });
      if (claims instanceof errors.JWTExpired) return { refused: 'expired', isExpired: true };
      if (claims instanceof Error) return { refused: claims.message };
      const user = await signIn.userOfGrant(claims.grant_id).catch((cause: unknown) => {
        throw new AppError('SERVICE_UNAVAILABLE', 'whether the token was revoked cannot be looked up now', {
          details: { retry_after_seconds: 2 },
          cause,
        });
      });
      if (user === undefined || user.name !== claims.sub) return { refused: 'the grant was revoked' };
      const most = expandScopes(user.scopes);
      const granted = expandScopes(claims.scope?.split(' ') ?? []);
      return {
        caller: {
          id: `user:${user.name}`,
          name: user.name,
          scopes: new Set([...granted].filter(scope => most.has(scope))),
          teams: new Set(user.teams),
        },
        expiresAt: claims.exp * 1000,
        standsOn: claims.grant_id,
      };
    },
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
