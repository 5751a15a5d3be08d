import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Store } from '../../store/store.ts';

const keysSchema = z.object({
  /** The first signs; the others are still believed. */
  signing: z
    .array(z.looseObject({ kty: z.literal('EC'), kid: z.string(), d: z.string(), x: z.string(), y: z.string() }))
    .min(1),
  cookies: z.array(z.string().min(32)).min(1),
});

/** What the authorization server signs with. */
export type ServerKeys = z.output<typeof keysSchema>;

const AT = { kind: 'Keys', id: 'current' };

/** The keys in the records, made by whichever process comes first: so all hubs of one store have the same. */
export async function openKeys({ signIn }: Pick<Store, 'signIn'>): Promise<ServerKeys> {
  const found = await signIn.find(AT.kind, AT);
  if (found) return keysSchema.parse(found.payload);
  await signIn.insert({ ...AT, payload: newKeys() });
  const made = await signIn.find(AT.kind, AT);
  if (!made) throw new Error('the keys of the authorization server have vanished');
  return keysSchema.parse(made.payload);
}

/** New keys in place of the old: every token, cookie and sign-in of before is void. */
export async function replaceKeys({ signIn }: Pick<Store, 'signIn'>): Promise<void> {
  await signIn.put({ ...AT, payload: newKeys() });
}

function newKeys() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty = 'EC', crv = 'P-256', x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' });
  // The thumbprint of RFC 7638.
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  const signing = [{ kty, crv, x, y, d, kid, use: 'sig', alg: 'ES256' }];
  return { signing, cookies: [randomBytes(32).toString('base64url')] };
}
