import { z } from 'zod';
import { canonical } from '../resource.ts';
import type { Verdict } from '../verdict.ts';
import { judgeClaims } from './claims.ts';
import { askIssuer, issuerAway } from './http.ts';
import type { Issuer } from './issuer.ts';
import type { IssuerMetadata } from './metadata.ts';

const answerSchema = z.looseObject({
  active: z.boolean(),
  iss: z.string().optional(),
  token_type: z.string().optional(),
});

/**
 * Asks the issuer about a token, by RFC 7662. `cannot tell`: it does not tell of tokens of this kind, as some servers of those that
 * they sign. Throws AppError SERVICE_UNAVAILABLE where it does not answer.
 */
export async function introspect(
  token: string,
  { config, clientSecret }: Issuer,
  { introspection_endpoint: url }: IssuerMetadata,
): Promise<{ isActive: boolean; claims: Record<string, unknown> } | 'cannot tell'> {
  if (url === undefined) throw issuerAway(config.issuer, new Error('the metadata names no introspection_endpoint'));
  const client = [config.introspection?.client_id ?? '', clientSecret ?? ''].map(formEncoded).join(':');
  const { status, body } = await askIssuer(url, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(client).toString('base64')}` },
    form: { token, token_type_hint: 'access_token' },
  });
  if (status === 400) return 'cannot tell';
  // What else is not 200 is about this server's own credentials.
  const parsed = answerSchema.safeParse(body);
  if (status !== 200 || !parsed.success) throw issuerAway(url, new Error(`introspection was answered with ${status}`));
  const { active, iss, token_type: type = 'bearer', ...claims } = parsed.data;
  const isOurs = iss === undefined || canonical(iss) === canonical(config.issuer);
  return { isActive: active && isOurs && /^(bearer|access_token)$/i.test(type), claims };
}

/** Who an opaque token stands for, by introspection. */
export async function judgeByIntrospection(token: string, issuer: Issuer): Promise<Verdict> {
  const told = await introspect(token, issuer, await issuer.metadata());
  return told !== 'cannot tell' && told.isActive
    ? judgeClaims(told.claims, issuer.expected())
    : { refused: 'not active' };
}

/** As RFC 6749 wants both halves of a client's credentials. */
const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);
