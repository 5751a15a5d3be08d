import assert from 'node:assert/strict';

export type Json = Record<string, unknown>;

export interface OperationAnswer {
  readonly status: number;
  /** The output, or the error. */
  readonly body: Json;
  readonly headers: Headers;
}

/** Asks `POST /api/operations/{name}` of the server at `url`. Rejects when it goes away before it has answered. */
export async function askOperation(
  url: string,
  name: string,
  args: object = {},
  { headers, signal }: { headers?: Record<string, string>; signal?: AbortSignal | undefined } = {},
): Promise<OperationAnswer> {
  const response = await fetch(`${url}/api/operations/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(args),
    ...(signal && { signal }),
  });
  return { status: response.status, body: Object(await response.json()), headers: response.headers };
}

/** Its output, or its error. */
export const operate = async (url: string, name: string, args: object = {}): Promise<Json> =>
  (await askOperation(url, name, args)).body;

/** Its output; anything else fails the test. */
export async function operated(url: string, name: string, args: object = {}): Promise<Json> {
  const { status, body } = await askOperation(url, name, args);
  assert.ok(status === 200 || status === 202, `${name}: ${JSON.stringify(body)}`);
  return body;
}
