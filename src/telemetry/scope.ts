import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Context } from '@opentelemetry/api';

/** What goes with a call through everything it causes, in this process and, inside messages, in others. */
export interface Scope {
  /** Of the surface: stands in log lines of hub and worker, in audit records and in references of errors. */
  readonly requestId: string;
  /** The span that is open; left out while tracing is off. */
  readonly trace?: Context;
}

const scopes = new AsyncLocalStorage<Scope | undefined>();

/** The scope of whatever runs now; undefined for what no call has caused. */
export const currentScope = (): Scope | undefined => scopes.getStore();

export const newRequestId = (): string => randomUUID();

/** The id of the request that is being served; a new one where none is. */
export const requestIdHere = (): string => scopes.getStore()?.requestId ?? newRequestId();

/** Runs `work` at once, and all it causes, within the scope. */
export const inScope = <Result>(scope: Scope | undefined, work: () => Result): Result => scopes.run(scope, work);

/** What a log line gets of the scope it is written in. */
export function scopeFields(): { request?: string } {
  const scope = scopes.getStore();
  return scope === undefined ? {} : { request: scope.requestId };
}
