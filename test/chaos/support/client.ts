import { z } from 'zod';

export type Json = Record<string, unknown>;

const failureSchema = z.looseObject({ code: z.string(), error: z.string(), retryable: z.boolean() });

/** How a call ended, as its caller sees it. */
export type Answer =
  | { readonly kind: 'ok'; readonly body: Json }
  | { readonly kind: 'failed'; readonly code: string; readonly retryable: boolean; readonly message: string }
  /** No answer: whether it took effect, the caller does not know. */
  | { readonly kind: 'lost' };

/** One call over HTTP on a connection of its own, so that the balancer chooses anew. */
export async function call(
  url: string,
  tool: string,
  args: Json,
  { timeoutMs = 15_000 }: { timeoutMs?: number } = {},
): Promise<Answer> {
  try {
    const response = await fetch(`${url}/api/operations/${tool}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(args),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body: unknown = await response.json();
    if (response.ok) return { kind: 'ok', body: Object(body) };
    const { code, error, retryable } = failureSchema.parse(body);
    return { kind: 'failed', code, message: error, retryable };
  } catch (error) {
    if (error instanceof z.ZodError) throw error;
    return { kind: 'lost' };
  }
}

/** A call that must succeed. */
export async function must(url: string, tool: string, args: Json): Promise<Json> {
  const answer = await call(url, tool, args, { timeoutMs: 60_000 });
  if (answer.kind === 'ok') return answer.body;
  throw new Error(`${tool}: ${JSON.stringify(answer)}`);
}
