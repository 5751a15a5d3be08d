import { decode, fmtCreds, parseCreds, type User } from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { Identity } from '../identity.ts';

/** Lets its holder in as one worker or hub. */
export interface Credential {
  /** Names the credential without giving it away. */
  readonly publicKey: string;
  /** JWT and seed, the text of a `.creds` file: a secret. */
  readonly text: string;
}

/** What a credential says of itself. Whether that is true, and still so, only the account can tell. */
export interface CredentialFacts {
  readonly identity: Identity;
  readonly publicKey: string;
  /** Public key of the account that it is for. */
  readonly account: string;
  /** Milliseconds since 1970; undefined: it has no end. */
  readonly expiresAt?: number;
}

const identitySchema = z.union([z.strictObject({ hub: z.string() }), z.strictObject({ worker: z.string() })]);

export const nameInJwt = (identity: Identity): string => JSON.stringify(identity);

/** Throws for a name that `nameInJwt` did not make. */
export const identityInJwt = (name: string): Identity => identitySchema.parse(JSON.parse(name));

export function credentialOf(jwt: string, user: KeyPair): Credential {
  return { publicKey: user.getPublicKey(), text: new TextDecoder().decode(fmtCreds(jwt, user)) };
}

/**
 * For whom a credential was made, and its public key. Throws AppError UNAUTHORIZED for text that is none, which says nothing of
 * what the text holds.
 */
export async function readCredential(text: string): Promise<CredentialFacts> {
  try {
    const { jwt, aid: account } = await parseCreds(new TextEncoder().encode(text));
    const { name, sub, exp } = decode<User>(jwt);
    const expiresAt = exp === undefined ? {} : { expiresAt: exp * 1_000 };
    return { identity: identityInJwt(name), publicKey: sub, account, ...expiresAt };
  } catch {
    throw new AppError('UNAUTHORIZED', 'this is not a credential for the fabric', {
      hint: 'take a token that `boxswain worker token create` has written',
    });
  }
}
