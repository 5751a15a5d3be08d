import { z } from 'zod';
import { authServerSchema } from './auth-server.ts';

const httpUrl = z.url({ protocol: /^https?$/ });
/** Callers of issuers are named `<name>:<sub>`, so no issuer may have the name that other callers begin with. */
const RESERVED: ReadonlySet<string> = new Set(['local', 'user']);

const issuerSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i)
    .optional(),
  issuer: httpUrl.optional(),
  audience: z.string().min(1).optional(),
  resource_url: z.string().min(1).optional(),
  scopes: z.array(z.string().min(1)).optional(),
  introspection: z.strictObject({ client_id: z.string().min(1), client_secret_file: z.string().min(1) }).optional(),
  userinfo: z.boolean().optional(),
  team_claim: z.string().min(1).optional(),
});

/** One authorization server whose tokens are accepted. */
export interface IssuerConfig extends Omit<z.output<typeof issuerSchema>, 'name' | 'issuer'> {
  readonly name: string;
  readonly issuer: string;
}

export const authSchema = z
  .strictObject({
    required: z
      .boolean()
      .default(false)
      .describe('ask direct requests from this machine for a token too; the sockets of this user need none'),
    issuer: httpUrl.optional().describe('address of the authorization server whose access tokens are accepted'),
    audience: z
      .string()
      .min(1)
      .optional()
      .describe('what tokens must name as their audience; default: http.public_url, with /mcp or without'),
    issuers: z
      .array(issuerSchema)
      .default([])
      .describe(
        'further authorization servers, or more about the one of auth.issuer, which an entry without issuer means: name, which begins the ids of its callers; audience or resource_url; scopes, the most that its tokens give, and what they give that name none; introspection with client_id and client_secret_file; userinfo: true, where it judges tokens in no other way; team_claim, which names the teams of a caller',
      ),
    server: authServerSchema,
  })
  .prefault({})
  .superRefine((auth, context) => {
    const problem = problemOf(auth);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['issuers'], message: problem });
  });
export type AuthConfig = z.output<typeof authSchema>;

/** Every authorization server whose tokens are accepted, with what the configuration says of it. */
export function issuersOf({
  issuer,
  audience,
  issuers,
}: Pick<AuthConfig, 'issuer' | 'audience' | 'issuers'>): IssuerConfig[] {
  const named = issuers.flatMap(entry => {
    const address = entry.issuer ?? issuer;
    return address === undefined ? [] : [{ ...entry, issuer: address }];
  });
  const isDescribed = issuer === undefined || named.some(entry => entry.issuer === issuer);
  const all = isDescribed ? named : [{ issuer }, ...named];
  return all.map(entry => ({ audience, ...entry, name: entry.name ?? new URL(entry.issuer).host }));
}

function problemOf(auth: Pick<AuthConfig, 'issuer' | 'audience' | 'issuers'>): string | undefined {
  if (auth.issuer === undefined && auth.issuers.some(({ issuer }) => issuer === undefined))
    return 'an entry without issuer needs auth.issuer';
  const known = issuersOf(auth);
  const names = known.map(({ name }) => name);
  const taken = names.find((name, at) => RESERVED.has(name) || names.indexOf(name) !== at);
  if (taken !== undefined) return `the name ${taken} is taken, give the entry another one`;
  if (new Set(known.map(({ issuer }) => issuer)).size < known.length) return 'an issuer may have one entry only';
  if (
    known.some(
      ({ audience, resource_url }) =>
        resource_url !== undefined && audience !== undefined && audience !== auth.audience,
    )
  )
    return 'audience and resource_url mean the same, give one of them';
  return undefined;
}
