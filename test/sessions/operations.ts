import { askOperation } from '../support/operations-api.ts';

export type Json = Record<string, unknown>;

/** Calls operations of a server over its API; the answer with its HTTP status. */
export const operationsAt =
  (url: string) =>
  async (tool: string, args: Json = {}): Promise<Json> => {
    const { status, body } = await askOperation(url, tool, args);
    return { status, ...body };
  };

export const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value : []);

/** All texts of messages, in order. */
export const textsOf = (messages: unknown): string[] =>
  listOf(messages).flatMap(({ parts }) =>
    listOf(parts).flatMap(({ type, text }) => (type === 'text' ? [String(text)] : [])),
  );
