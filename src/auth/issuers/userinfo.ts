import type { Verdict } from '../verdict.ts';
import { judgeClaims } from './claims.ts';
import { askIssuer, issuerAway } from './http.ts';
import type { Issuer } from './issuer.ts';
import type { IssuerMetadata } from './metadata.ts';

const USUAL_SCOPES = ['mcp:tools'];

/**
 * Who an opaque token stands for, in the way of MCPAuthKit: its userinfo endpoint answers for tokens that are good. Such an answer
 * names no scopes, and an audience only where the server is newer; then the audience must fit.
 */
export async function judgeByUserinfo(token: string, issuer: Issuer): Promise<Verdict> {
  const { userinfo_endpoint: url } = await issuer.metadata();
  if (url === undefined) throw issuerAway(issuer.config.issuer, new Error('the metadata names no userinfo_endpoint'));
  const { status, body } = await askIssuer(url, { headers: { authorization: `Bearer ${token}` } });
  if (status === 401 || status === 403 || status === 400) return { refused: 'not active' };
  if (status !== 200) throw issuerAway(url, new Error(`userinfo was answered with ${status}`));
  return judgeClaims(body, { ...issuer.expected(), mayLackAudience: true, usualScopes: USUAL_SCOPES });
}

/**
 * Whether that is how this issuer is asked: it was configured so, or there is no other way. An issuer with keys or introspection is
 * never asked so unless it was configured: its tokens for any other resource would be good here too.
 */
export const isAskedByUserinfo = ({ config }: Issuer, metadata: IssuerMetadata): boolean =>
  config.userinfo ??
  (metadata.userinfo_endpoint !== undefined &&
    metadata.jwks_uri === undefined &&
    metadata.introspection_endpoint === undefined);
