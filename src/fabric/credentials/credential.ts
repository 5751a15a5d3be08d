import { decode, fmtCreds, parseCreds, type User } from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import { z } from 'zod';
import type { Identity } from '../identity.ts';

/** Lets its holder in as one worker or hub. */
export interface Credential {
  /** Names the credential without giving it away. */
  readonly publicKey: string;
  /** JWT and seed, the text of a `.creds` file: a secret. */
  readonly text: string;
}

const identitySchema = z.union([z.strictObject({ hub: z.string() }), z.strictObject({ worker: z.string() })]);

export const nameInJwt = (identity: Identity): string => JSON.stringify(identity);

export function credentialOf(jwt: string, user: KeyPair): Credential {
  return { publicKey: user.getPublicKey(), text: new TextDecoder().decode(fmtCreds(jwt, user)) };
}

/** For whom a credential was made, and its public key. Throws for text that is none; says nothing of what the text holds. */
export async function readCredential(text: string): Promise<{ identity: Identity; publicKey: string }> {
  try {
    const { jwt } = await parseCreds(new TextEncoder().encode(text));
    const { name, sub } = decode<User>(jwt);
    return { identity: identitySchema.parse(JSON.parse(name)), publicKey: sub };
  } catch {
    throw new Error(
      'this is not a credential for the fabric; take one that `boxswain worker token create` has printed',
    );
  }
}
