import type { ServerResponse } from 'node:http';
import type { Hono } from 'hono';
import type { Context } from 'hono';
import type { Caller } from '../../auth/caller.ts';
import type { WorkerTokens } from '../../auth/worker-tokens.ts';
import type { Hub } from '../../hub/hub.ts';
import type { Log } from '../../log/log.ts';
import { invoke } from '../../operations/invoke.ts';
import type { Operation, OperationResult } from '../../operations/operation.ts';
import { requestIdHere } from '../../telemetry/scope.ts';
import type { StepUp } from '../errors.ts';

/** What comes with each request beside the request itself. */
export interface Bindings {
  readonly caller: Caller;
  readonly stepUp?: StepUp;
  /** Node's own answer, for what is written there without end. */
  readonly outgoing?: ServerResponse;
}
export type Api = Hono<{ Bindings: Bindings }>;
export type ApiContext = Context<{ Bindings: Bindings }>;

export interface ApiParts {
  readonly hub: Hub;
  readonly log: Log;
  readonly operations: readonly Operation[];
  readonly maxBodyBytes: number;
  /** Who may join; undefined where nobody can. */
  readonly tokens?: WorkerTokens;
  /** Starts the server anew, soon; undefined where nobody can. */
  readonly restart?: () => void;
  /** Under which others reach the server, where it is told. */
  readonly publicUrl?: string;
  /** Aborted when the server closes: streams end. */
  readonly closing: AbortSignal;
}

/** Runs an operation for a request; it is cancelled when the client goes away. Throws AppError. */
export function run(
  { hub, log }: ApiParts,
  operation: Operation,
  { context, args }: { context: ApiContext; args: Record<string, unknown> },
): Promise<OperationResult> {
  return invoke(operation, args, {
    hub,
    caller: context.env.caller,
    signal: context.req.raw.signal,
    requestId: requestIdHere(),
    wantsTask: false,
    report: () => {},
    surface: 'http',
    log,
  });
}
