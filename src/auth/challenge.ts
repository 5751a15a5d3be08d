import type { Caller } from './caller.ts';

/** What a 401 or 403 asks of a client, as RFC 6750 and RFC 9728 write it. */
export interface Challenge {
  /** Where the metadata of the resource lies; undefined where no authorization server is known. */
  readonly metadataUrl: string | undefined;
  readonly error?: 'invalid_token' | 'insufficient_scope';
  /** The whole set that the next token needs. */
  readonly scopes?: readonly string[];
}

/** The value of `WWW-Authenticate`. */
export function challengeHeader({ metadataUrl, error, scopes }: Challenge): string {
  const parameters = [
    metadataUrl === undefined ? 'realm="boxswain"' : `resource_metadata="${metadataUrl}"`,
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scopes === undefined ? [] : [`scope="${scopes.join(' ')}"`]),
  ];
  return `Bearer ${parameters.join(', ')}`;
}

/**
 * The whole set of scopes with which a caller could also do what it lacks `missing` for. What it has is named again, since a new
 * token replaces the old one; what another scope of the set implies is left out.
 */
export function scopesFor(caller: Pick<Caller, 'scopes'>, missing: Iterable<string>): string[] {
  const all = new Set([...caller.scopes, ...missing]);
  const isImplied = (scope: string): boolean => {
    if (scope === 'admin' || scope === 'mcp:tools') return false;
    return all.has('mcp:tools') || (scope.endsWith(':read') && all.has(scope.replace(/:read$/, ':write')));
  };
  return [...all].filter(scope => !isImplied(scope));
}
