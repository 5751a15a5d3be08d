import { type Caller, hasScope } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import type { Operation, RequiredScope } from './operation.ts';

/**
 * The scope that the caller lacks, to be named in a challenge; undefined when nothing is missing. `any` asks for some scope,
 * `any:read` and `any:write` for that right in some toolset: which one, the operation checks when it knows the task's toolset.
 */
export function missingScope(required: RequiredScope, caller: Caller): string | undefined {
  if (caller.scopes.has('admin')) return undefined;
  if (required === 'any') return caller.scopes.size > 0 ? undefined : 'sandbox:read';
  if (required === 'any:write') return holdsSome(caller, [':write']) ? undefined : 'sandbox:write';
  if (required === 'any:read') return holdsSome(caller, [':read', ':write']) ? undefined : 'sandbox:read';
  return hasScope(caller, required) ? undefined : required;
}

/** Throws INSUFFICIENT_SCOPE, which names the scope, when the caller lacks it. */
export function requireScope(required: RequiredScope, caller: Caller): void {
  const missing = missingScope(required, caller);
  if (missing !== undefined) throw insufficientScope(missing);
}

/** The right that a task tool needs in the toolset that made the task. */
export function requireTaskScope(toolset: string, right: 'read' | 'write', caller: Caller): void {
  const scope = `${toolset}:${right}`;
  if (!hasScope(caller, scope)) throw insufficientScope(scope);
}

/** A request that asked for it changes nothing, whatever its scopes allow. Throws POLICY_DENIED. */
export function requireMayChange({ name, hints }: Pick<Operation, 'name' | 'hints'>, { isReadOnly }: Caller): void {
  if (hints.readOnly || isReadOnly !== true) return;
  throw new AppError('POLICY_DENIED', `${name} changes something, and this request is read-only`, {
    hint: 'leave the header X-MCP-Readonly out, or call an operation that only reads',
  });
}

/** What a caller is told who lacks a scope. */
export function insufficientScope(scope: string): AppError {
  return new AppError('INSUFFICIENT_SCOPE', `scope "${scope}" is required`, {
    hint: `ask for credentials with the scope ${scope}`,
    details: { required_scope: scope },
  });
}

function holdsSome(caller: Caller, endings: readonly string[]): boolean {
  for (const scope of caller.scopes) if (endings.some(ending => scope.endsWith(ending))) return true;
  return false;
}
