/** The authenticated identity a request acts for. Handles are bound to `id`. */
export interface Caller {
  readonly id: string;
  readonly scopes: ReadonlySet<string>;
}

/** The identity of the user of this machine: solo mode, stdio, CLI, and loopback HTTP without credentials. */
export const localCaller: Caller = { id: 'local', scopes: new Set(['admin']) };

/** Write implies read, `admin` implies all. */
export function hasScope(caller: Caller, scope: string): boolean {
  if (caller.scopes.has('admin') || caller.scopes.has(scope)) return true;
  return scope.endsWith(':read') && caller.scopes.has(scope.replace(/:read$/, ':write'));
}
