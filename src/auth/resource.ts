import { knownScopes } from './caller.ts';

/** Where clients look for what RFC 9728 calls protected resource metadata; the path of the resource comes behind it. */
const METADATA_PATH = '/.well-known/oauth-protected-resource';

/** What this server is called as a resource of OAuth: the whole of it, and MCP, which is what tokens are asked for. */
export interface Resource {
  /** Such as `https://box.example.com`, without a slash at its end. */
  readonly base: string;
  readonly mcp: string;
}

/** The resource under `base`, an address that may name `/mcp` already. */
export function resourceAt(base: string): Resource {
  const plain = canonical(base).replace(/\/mcp$/, '');
  return { base: plain, mcp: `${plain}/mcp` };
}

/** Where the metadata of one of the two lies. */
export function metadataUrl({ base }: Resource, of: 'base' | 'mcp'): string {
  const { origin, pathname } = new URL(base);
  const path = pathname === '/' ? '' : pathname;
  return `${origin}${METADATA_PATH}${path}${of === 'mcp' ? '/mcp' : ''}`;
}

/** Whose metadata is asked for at this path; undefined: nobody's. */
export function metadataAskedFor(path: string, { base }: Resource): 'base' | 'mcp' | undefined {
  if (!path.startsWith(METADATA_PATH)) return undefined;
  const { pathname } = new URL(base);
  const rest = path.slice(METADATA_PATH.length).replace(/\/$/, '');
  const suffix = pathname !== '/' && rest.startsWith(pathname) ? rest.slice(pathname.length) : rest;
  if (suffix === '') return 'base';
  return /^\/mcp(\/x\/[^/]+)?$/.test(suffix) ? 'mcp' : undefined;
}

/** The metadata as RFC 9728 has it. `admin` is not offered: clients ask for all that is, and few should have it. */
export function resourceMetadata(resource: Resource, of: 'base' | 'mcp', issuers: readonly string[]) {
  return {
    resource: resource[of],
    authorization_servers: issuers,
    scopes_supported: knownScopes.filter(scope => scope !== 'admin'),
    bearer_methods_supported: ['header'],
  };
}

/** The values of `aud` that name this resource. */
export const audiencesOf = ({ base, mcp }: Resource): string[] => [base, mcp];

/** Addresses that mean the same as one text: case of scheme and host, the usual port, and a slash at the end do not matter. */
export function canonical(address: string): string {
  const { href } = URL.canParse(address) ? new URL(address) : { href: address };
  return href.replace(/\/$/, '');
}
