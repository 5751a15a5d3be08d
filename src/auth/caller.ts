/** The authenticated identity a request acts for. Handles are bound to `id`. */
export interface Caller {
  /** `local`; `user:<name>` for a user of the built-in authorization server; `<name of the issuer>:<sub>` for anybody else's. */
  readonly id: string;
  /** As `expandScopes` gives them. */
  readonly scopes: ReadonlySet<string>;
  /** What is shared with one of them is shared with this caller. */
  readonly teams: ReadonlySet<string>;
  /** For people to read; nothing is decided by it. */
  readonly name?: string;
  /** Id of the API token that was shown, for the audit; never the token itself. */
  readonly credential?: string;
  /** The request asked that nothing be changed, whatever its scopes allow. */
  readonly isReadOnly?: boolean;
}

/** The identity of the user of this machine: solo mode, stdio, CLI, and loopback HTTP without credentials. */
export const localCaller: Caller = { id: 'local', scopes: new Set(['admin']), teams: new Set() };

/** The same caller, who changes nothing. Always the same object, so that nothing is made for each call. */
export function asReader(caller: Caller): Caller {
  if (caller.isReadOnly === true) return caller;
  const known = readers.get(caller);
  if (known !== undefined) return known;
  const reader = { ...caller, isReadOnly: true };
  readers.set(caller, reader);
  return reader;
}

const readers = new WeakMap<Caller, Caller>();

/** Write implies read, `admin` implies all. */
export function hasScope(caller: Caller, scope: string): boolean {
  if (caller.scopes.has('admin') || caller.scopes.has(scope)) return true;
  return scope.endsWith(':read') && caller.scopes.has(scope.replace(/:read$/, ':write'));
}

const TOOLSETS = ['sandbox', 'sessions', 'fleet', 'codegen'] as const;

/** All scopes that a caller may have, as discovery names them; `mcp:tools` is what the earlier systems asked for. */
export const knownScopes: readonly string[] = [
  ...TOOLSETS.flatMap(toolset => [`${toolset}:read`, `${toolset}:write`]),
  'mcp:tools',
  'admin',
];

/**
 * What the granted scopes amount to: write implies read, `mcp:tools` is read and write of every toolset, `admin` is everything.
 * Scopes that mean nothing here, such as `openid`, are left out.
 */
export function expandScopes(granted: Iterable<string>): ReadonlySet<string> {
  const all = new Set<string>();
  for (const scope of granted) {
    if (!knownScopes.includes(scope)) continue;
    all.add(scope);
    if (scope.endsWith(':write')) all.add(scope.replace(/:write$/, ':read'));
    if (scope !== 'admin' && scope !== 'mcp:tools') continue;
    for (const implied of knownScopes) if (scope === 'admin' || implied !== 'admin') all.add(implied);
  }
  return all;
}
