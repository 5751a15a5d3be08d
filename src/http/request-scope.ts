import type { IncomingMessage, ServerResponse } from 'node:http';
import { newRequestId, type Scope } from '../telemetry/scope.ts';
import { isTracing, openScope, type TraceCarrier } from '../telemetry/tracing.ts';

/** What others may choose: it ends up in log lines and audit records, so it is short and has no blanks or quotes. */
const GIVEN_ID = /^[A-Za-z0-9._:+/=-]{1,128}$/;

/**
 * The scope of a request that was admitted. Its id is that of `X-Request-Id` where that has the form of an id, else a new one; the
 * answer names it. Its trace carries on the one that `traceparent` names.
 */
export function openRequest(request: IncomingMessage, response: ServerResponse, path: string): Scope {
  const { headers, method = 'GET' } = request;
  const given = headers['x-request-id'];
  const requestId = typeof given === 'string' && GIVEN_ID.test(given) ? given : newRequestId();
  response.setHeader('x-request-id', requestId);
  if (!isTracing() || !isCall(path)) return { requestId };
  const route = path.split('/', 3).join('/');
  const { scope, end } = openScope({
    requestId,
    name: `${method} ${route}`,
    carrier: carrierOf(headers),
    attributes: { 'http.request.method': method, 'http.route': route, 'boxswain.request_id': requestId },
  });
  if (end) response.once('close', () => end(response.statusCode));
  return scope;
}

/** Probes and scrapes would fill the traces. */
const isCall = (path: string): boolean => path.startsWith('/mcp') || path.startsWith('/api/');

function carrierOf({ traceparent, tracestate }: IncomingMessage['headers']): TraceCarrier {
  const carrier: Record<string, string> = {};
  if (typeof traceparent === 'string') carrier.traceparent = traceparent;
  if (typeof tracestate === 'string') carrier.tracestate = tracestate;
  return carrier;
}
