import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import { scopesFor } from '../auth/challenge.ts';
import { insufficientScope, missingScope } from '../operations/scopes.ts';
import type { Catalogue } from './catalogue.ts';

const callSchema = z.looseObject({ method: z.literal('tools/call'), params: z.looseObject({ name: z.string() }) });

/** Makes the value of `WWW-Authenticate`. */
export type StepUp = (scopes: readonly string[]) => string;

/**
 * The refusal of a message that calls, in any entry of a batch, an operation whose scope the caller lacks: one challenge for all that
 * is missing, so that the client asks its user once. Undefined: nothing is missing. `invoke` checks again.
 */
export function refusedForScope(
  body: unknown,
  { catalogue, caller, stepUp }: { catalogue: Catalogue; caller: Caller; stepUp: StepUp | undefined },
): Response | undefined {
  if (stepUp === undefined || caller.scopes.has('admin')) return undefined;
  const missing = new Set<string>();
  for (const entry of Array.isArray(body) ? body : [body]) {
    const call = callSchema.safeParse(entry);
    const operation = call.success ? catalogue.find(call.data.params.name) : undefined;
    const scope = operation && missingScope(operation.scope, caller);
    if (scope !== undefined) missing.add(scope);
  }
  const [first] = missing;
  if (first === undefined) return undefined;
  const { message, ...data } = insufficientScope(first).toShape();
  return Response.json(
    { jsonrpc: '2.0', error: { code: -32000, message, data }, id: null },
    { status: 403, headers: { 'www-authenticate': stepUp(scopesFor(caller, missing)) } },
  );
}
