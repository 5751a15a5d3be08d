import type { FakeFleet } from './fleet.ts';

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/** One request, by the path of the API document that describes it. */
export interface Asked {
  readonly fleet: FakeFleet;
  readonly parameters: Readonly<Record<string, string>>;
  readonly url: URL;
  readonly body: unknown;
  readonly generation: Generation;
}

export interface Generation {
  readonly tasks: 'v2' | 'experimental' | null;
  readonly chats: 'v2' | 'experimental' | null;
}

export type Handler = (asked: Asked) => Answer;

const refusal = (status: number, message: string, more: object = {}): Answer => ({
  status,
  body: { message, ...more },
});
export const noRoute = refusal(404, 'Route not found.');
export const notFound = refusal(404, 'Resource not found or you do not have access to this resource');
export const conflict = (message: string): Answer => refusal(409, message);
export const invalid = (message: string, validations: { field: string; detail: string }[] = []): Answer =>
  refusal(400, message, { validations });

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** As the server says of an id that is none. */
export const notUuid = (id: string): Answer | undefined =>
  UUID.test(id) ? undefined : refusal(400, `Invalid UUID "${id}".`);

/** The words of a search, `owner:alice name:"x y"`. */
export function wordsOf(url: URL): Record<string, string> {
  const found = (url.searchParams.get('q') ?? '').matchAll(/(\w+):(?:"([^"]*)"|(\S+))/g);
  return Object.fromEntries([...found].map(([, key = '', quotedText, text]) => [key, quotedText ?? text ?? '']));
}
