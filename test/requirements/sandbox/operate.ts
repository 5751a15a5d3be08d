import type { RunningServer } from '../../support/server.ts';

export type Json = Record<string, unknown>;

/** Calls an operation over HTTP; its output, or its error. */
export async function operate(server: RunningServer, tool: string, args: Json): Promise<Json> {
  const response = await fetch(`${server.url}/api/operations/${tool}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  return Object(await response.json());
}
