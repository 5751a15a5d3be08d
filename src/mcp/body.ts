import { isNestedDeeperThan, MAX_DEPTH } from '../auth/nesting.ts';

const MAX_BATCH_ENTRIES = 50;

export type Body = { readonly value: unknown } | { readonly refusal: Response };

/** Parses a JSON body of bounded size; refuses what is no JSON, nested too deeply, or too long a batch. */
export function parseBody(text: string): Body {
  if (isNestedDeeperThan(MAX_DEPTH, text)) {
    return { refusal: jsonRpcError(400, -32600, `Invalid Request: nested deeper than ${MAX_DEPTH} levels`) };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { refusal: jsonRpcError(400, -32700, 'Parse error: the request body is not valid JSON') };
  }
  if (Array.isArray(value) && value.length > MAX_BATCH_ENTRIES) {
    return {
      refusal: jsonRpcError(400, -32600, `Invalid Request: a batch holds at most ${MAX_BATCH_ENTRIES} messages`),
    };
  }
  return { value };
}

/** An HTTP answer with an error of JSON-RPC that belongs to no request: `status` is HTTP's, `code` is JSON-RPC's. */
export function jsonRpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}
