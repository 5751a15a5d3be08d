import { z } from 'zod';
import { canonical } from '../resource.ts';
import { askIssuer, issuerAway } from './http.ts';

const endpoint = z.url({ protocol: /^https?$/ }).optional();
const metadataSchema = z.looseObject({
  issuer: z.string(),
  jwks_uri: endpoint,
  introspection_endpoint: endpoint,
  userinfo_endpoint: endpoint,
});
const ENDPOINTS = ['jwks_uri', 'introspection_endpoint', 'userinfo_endpoint'] as const;

/** What an authorization server says of itself. */
export type IssuerMetadata = z.output<typeof metadataSchema>;

const FRESH_MS = 600_000;
/** What is known still serves while a newer one cannot be had; this long after the last attempt the next is made. */
const RETRY_MS = 30_000;

/**
 * Reads the metadata of an authorization server, by RFC 8414 or OpenID Connect Discovery, and keeps it for ten minutes. The reader
 * throws AppError SERVICE_UNAVAILABLE where there is none, or one that names another issuer.
 */
export function metadataReader(
  issuer: string,
  { now = () => performance.now() }: { now?: () => number } = {},
): () => Promise<IssuerMetadata> {
  let known: { readonly metadata: IssuerMetadata; until: number } | undefined;
  let asking: Promise<IssuerMetadata> | undefined;
  const ask = async (): Promise<IssuerMetadata> => {
    try {
      const metadata = await findMetadata(issuer);
      known = { metadata, until: now() + FRESH_MS };
      return metadata;
    } catch (error) {
      if (known === undefined) throw error;
      known.until = now() + RETRY_MS;
      return known.metadata;
    } finally {
      asking = undefined;
    }
  };
  return async () => {
    if (known !== undefined && known.until > now()) return known.metadata;
    asking ??= ask();
    return await asking;
  };
}

async function findMetadata(issuer: string): Promise<IssuerMetadata> {
  let problem = new Error('there is no metadata at any of the usual places');
  for (const url of placesOf(issuer)) {
    const { status, body } = await askIssuer(url);
    if (status !== 200) continue;
    const parsed = metadataSchema.safeParse(body);
    if (!parsed.success) problem = new Error('the metadata is not readable', { cause: parsed.error });
    else if (canonical(parsed.data.issuer) !== canonical(issuer))
      problem = new Error('the metadata names another issuer');
    else if (isDowngraded(issuer, parsed.data)) problem = new Error('an endpoint is not https, although the issuer is');
    else return parsed.data;
  }
  throw issuerAway(issuer, problem);
}

/** Both standards, and for issuers with a path the place where either puts it. */
function placesOf(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const names = ['oauth-authorization-server', 'openid-configuration'];
  const places = names.map(name => `${origin}/.well-known/${name}${path}`);
  return path === '' ? places : [...places, `${origin}${path}/.well-known/openid-configuration`];
}

const isDowngraded = (issuer: string, metadata: IssuerMetadata): boolean =>
  issuer.startsWith('https:') && ENDPOINTS.some(name => metadata[name]?.startsWith('http:') ?? false);
