export type Json = Record<string, unknown>;

/** Calls operations of a server over its API; the answer with its HTTP status. */
export const operationsAt =
  (url: string) =>
  async (tool: string, args: Json = {}): Promise<Json> => {
    const response = await fetch(`${url}/api/operations/${tool}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(args),
    });
    return { status: response.status, ...Object(await response.json()) };
  };

export const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value : []);

/** All texts of messages, in order. */
export const textsOf = (messages: unknown): string[] =>
  listOf(messages).flatMap(({ parts }) =>
    listOf(parts).flatMap(({ type, text }) => (type === 'text' ? [String(text)] : [])),
  );
