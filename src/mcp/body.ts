/** What a request body may be before anything looks into it. */
const MAX_DEPTH = 200;
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

export function jsonRpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Counts brackets outside of strings, without recursion: it runs before the text is known to be JSON. */
export function isNestedDeeperThan(levels: number, text: string): boolean {
  if (text.length <= levels) return false;
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (isInString) {
      if (character === BACKSLASH) at++;
      else if (character === QUOTE) isInString = false;
    } else if (character === QUOTE) isInString = true;
    else if (OPENING.has(character)) {
      depth++;
      if (depth > levels) return true;
    } else if (CLOSING.has(character)) depth--;
  }
  return false;
}
