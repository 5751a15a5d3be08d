import type { Context, Span } from '@opentelemetry/api';
import type { Log } from '../log/log.ts';
import { currentScope, inScope, type Scope } from './scope.ts';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;
/** W3C Trace Context as text: `traceparent`, and `tracestate` where there is one. */
export type TraceCarrier = Readonly<Record<string, string>>;
export type SpanRole = 'server' | 'client' | 'internal';

/** What the OpenTelemetry SDK does for us; it is loaded only where tracing is on. */
export interface Tracer {
  start(
    name: string,
    options: { parent: Context | undefined; role: SpanRole; attributes: SpanAttributes },
  ): { span: Span; context: Context };
  write(context: Context): TraceCarrier;
  /** Undefined for a carrier that names no trace. */
  read(carrier: TraceCarrier): Context | undefined;
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Base address of an OTLP receiver, such as `http://127.0.0.1:4318`; tracing is off without it. */
  readonly endpoint: string | undefined;
  /** Of the traces that begin here; others go by what their `traceparent` says. */
  readonly sampleRatio: number;
  /** Such as `hub` or `worker`, and the id of this one. */
  readonly role: string;
  readonly version: string;
  /** Hears that spans could not be sent. */
  readonly log: Log;
}

let tracer: Tracer | undefined;

/** Sends spans to the endpoint from now on. What it gives back sends what is left, and ends tracing. */
export async function startTracing({ endpoint, ...options }: TracingOptions): Promise<() => Promise<void>> {
  if (endpoint === undefined) return async () => {};
  const { createTracer } = await import('./open-telemetry.ts');
  const started = createTracer({ endpoint, ...options });
  tracer = started;
  return async () => {
    if (tracer === started) tracer = undefined;
    await started.close();
  };
}

/** Whether spans are sent: what describes them need not be put together otherwise. */
export const isTracing = (): boolean => tracer !== undefined;

/** A request comes in from outside: what carries on its trace, or begins one. */
export interface Arrival {
  readonly requestId: string;
  /** Name of the span. */
  readonly name: string;
  readonly carrier: TraceCarrier;
  readonly attributes: SpanAttributes;
}

/** The scope of a request, and what ends its span; `status` is that of the HTTP answer. */
export function openScope({ requestId, name, carrier, attributes }: Arrival): {
  scope: Scope;
  end?: (status: number) => void;
} {
  if (tracer === undefined) return { scope: { requestId } };
  const { span, context } = tracer.start(name, { parent: tracer.read(carrier), role: 'server', attributes });
  const end = (status: number) => {
    span.setAttribute('http.response.status_code', status);
    if (status >= 500) span.setStatus({ code: STATUS_ERROR });
    span.end();
  };
  return { scope: { requestId, trace: context }, end };
}

export interface SpanOptions {
  readonly role?: SpanRole;
  readonly attributes?: SpanAttributes;
  /** Begins a trace where none is open; else such work leaves no span, as beats and sweeps do not. */
  readonly mayBegin?: boolean;
}

/** Starts `work` at once, inside a span of its own. While tracing is off this is `work()` and nothing else. */
export function traced<Result>(
  name: string,
  work: () => Promise<Result>,
  options: SpanOptions = NO_OPTIONS,
): Promise<Result> {
  if (tracer === undefined) return work();
  const scope = currentScope();
  if (scope === undefined || (scope.trace === undefined && options.mayBegin !== true)) return work();
  const { role = 'internal', attributes = {} } = options;
  const { span, context } = tracer.start(name, { parent: scope.trace, role, attributes });
  return inScope({ requestId: scope.requestId, trace: context }, () => untilSettled(span, work));
}

const NO_OPTIONS: SpanOptions = {};
/** `SpanStatusCode.ERROR`, without loading the package for a number. */
const STATUS_ERROR = 2;

async function untilSettled<Result>(span: Span, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    // The kind only: messages may hold what a caller sent, and the log has the rest under the request's id.
    span.setAttribute('error.type', kindOf(error));
    span.setStatus({ code: STATUS_ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function kindOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** The scope as a message carries it. Undefined for what no call has caused. */
export interface CarriedScope {
  readonly request: string;
  readonly trace?: TraceCarrier | undefined;
}

/** What a message takes along of the scope in which it is sent. */
export function carriedScope(): CarriedScope | undefined {
  const scope = currentScope();
  if (scope === undefined) return undefined;
  const isTraced = tracer !== undefined && scope.trace !== undefined;
  return { request: scope.requestId, trace: isTraced ? tracer?.write(scope.trace) : undefined };
}

/** Handles a message within the scope that it brought, at once. `name` is that of the span. */
export function continueScope<Result>(
  carried: CarriedScope | undefined,
  name: string,
  handle: () => Promise<Result>,
): Promise<Result> {
  if (carried === undefined) return inScope(undefined, handle);
  const { request: requestId, trace } = carried;
  if (tracer === undefined || trace === undefined) return inScope({ requestId }, handle);
  return inScope({ requestId, trace: tracer.read(trace) }, () => traced(name, handle, { role: 'server' }));
}
