import { type AuthConfig, issuersOf } from '../config/auth.ts';
import { readSecretFile } from './secret-file.ts';
import { openIssuer } from './issuers/issuer.ts';
import { jwtSource } from './issuers/jwt-source.ts';
import { opaqueSource } from './issuers/opaque-source.ts';
import type { TokenSource, Verdict } from './verdict.ts';
import { VerdictCache } from './verdict-cache.ts';

/** Tells who stands behind a bearer token. */
export interface Authenticator {
  /** Addresses of the authorization servers that clients can get tokens from; empty: none. */
  readonly issuers: readonly string[];
  /**
   * Settles at once for a token that was judged within the last 30 s. Throws, or rejects with, AppError SERVICE_UNAVAILABLE where
   * nobody can tell now.
   */
  authenticate(token: string): Verdict | Promise<Verdict>;
  /** This API token or grant was revoked: what stands on it is judged anew. Undefined: every token is. */
  forget(standsOn?: string): void;
}

export interface AuthenticatorOptions {
  readonly config: AuthConfig;
  /** What names this server as an audience, unless the configuration does; asked when there is a token. */
  readonly audiences: () => readonly string[];
  /** Asked before the issuers of the configuration: those whose tokens are judged in this process. */
  readonly sources?: readonly TokenSource[];
  /** Of those, which clients can get tokens from. */
  readonly ownIssuers?: readonly string[];
  /** Epoch milliseconds. */
  readonly now?: () => number;
  readonly keyCooldownMs?: number;
}

/** Throws AppError VALIDATION_ERROR for a secret that cannot be read. */
export async function createAuthenticator({
  config,
  audiences,
  sources = [],
  ownIssuers = [],
  now = Date.now,
  keyCooldownMs,
}: AuthenticatorOptions): Promise<Authenticator> {
  const configured = issuersOf(config);
  const issuers = await Promise.all(
    configured.map(async one => {
      const file = one.introspection?.client_secret_file;
      const clientSecret =
        file === undefined ? undefined : await readSecretFile(file, 'introspection.client_secret_file');
      return openIssuer({ config: one, clientSecret, audiences, now, keyCooldownMs });
    }),
  );
  const chain = [...sources, jwtSource(issuers), opaqueSource(issuers)];
  const cache = new VerdictCache(now);
  const judge = async (token: string): Promise<Verdict> => {
    const source = chain.find(candidate => candidate.judges(token));
    return source ? await source.verify(token) : { refused: 'nobody judges tokens of this form' };
  };
  return {
    issuers: [...ownIssuers, ...configured.map(({ issuer }) => issuer)],
    authenticate: token => cache.get(token, () => judge(token)),
    forget: standsOn => cache.forget(standsOn),
  };
}
