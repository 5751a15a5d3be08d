import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';
import type { IssuerConfig } from '../../config/auth.ts';
import type { Expected } from './claims.ts';
import { type IssuerMetadata, metadataReader } from './metadata.ts';

/** A token with an unknown key makes the keys be read anew, but not more often than this. */
const KEY_COOLDOWN_MS = 5_000;

/** One authorization server, as those see it who judge its tokens. */
export interface Issuer {
  readonly config: IssuerConfig;
  /** Secret with which it is asked about tokens; undefined: it is not. */
  readonly clientSecret: string | undefined;
  metadata(): Promise<IssuerMetadata>;
  /** Finds keys at this address, which are kept for ten minutes and read anew for a key that is not among them. */
  keysAt(url: string): JWTVerifyGetKey;
  expected(): Expected;
}

export interface IssuerOptions {
  readonly config: IssuerConfig;
  readonly clientSecret?: string;
  /** Of this server, where the configuration names none: asked when there is a token, since it needs the port. */
  readonly audiences: () => readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly keyCooldownMs?: number;
}

/** An authorization server as it is configured. Nothing is asked of it before it is needed; its keys are kept. */
export function openIssuer({
  config,
  clientSecret,
  audiences,
  now,
  keyCooldownMs = KEY_COOLDOWN_MS,
}: IssuerOptions): Issuer {
  const keys = new Map<string, JWTVerifyGetKey>();
  const named = config.resource_url ?? config.audience;
  return {
    config,
    clientSecret,
    metadata: metadataReader(config.issuer),
    keysAt(url) {
      const known = keys.get(url) ?? createRemoteJWKSet(new URL(url), { cooldownDuration: keyCooldownMs });
      keys.clear();
      keys.set(url, known);
      return known;
    },
    expected: () => ({ ...config, audiences: named === undefined ? audiences() : [named], now: now() }),
  };
}
