import assert from 'node:assert/strict';
import { z } from 'zod';
import type { Peer } from '../support/wires.ts';
import { askOperation } from '../support/operations-api.ts';

export type Json = Record<string, unknown>;

/** Whoever uses a toolset, by whatever wire: gets outputs, and failures in one form. */
export interface Caller<Failure> {
  ok(tool: string, args?: Json): Promise<Json>;
  fails(tool: string, args?: Json): Promise<Failure>;
  /** Of MCP. */
  readonly peer?: Peer;
  close(): Promise<void>;
}

/** A client of MCP. A failure is read from its output, which its first text must be too. */
export const mcpCaller = <Failure>(peer: Peer, read: (output: Json) => Failure): Caller<Failure> => ({
  peer,
  ok: (tool, args) => peer.ok(tool, args),
  async fails(tool, args) {
    const { isError, output, text } = await peer.call(tool, args);
    assert.ok(isError, `${tool} did not fail: ${text.join('')}`);
    assert.deepEqual(JSON.parse(text[0] ?? ''), output, 'the text is the envelope');
    return read(output);
  },
  close: () => peer.close(),
});

type Ask = (tool: string, args?: Json) => Promise<{ status: number; body: Json }>;

/** A program that asks over HTTP, and reads the bodies of failures. */
export const httpCaller = <Failure>(
  ask: Ask,
  read: (body: Json) => Failure,
): Caller<Failure & { readonly status: number }> => ({
  async ok(tool, args) {
    const { status, body } = await ask(tool, args);
    assert.equal(status, 200, `${tool} failed with ${status}: ${JSON.stringify(body)}`);
    return body;
  },
  async fails(tool, args) {
    const { status, body } = await ask(tool, args);
    assert.notEqual(status, 200, `${tool} did not fail: ${JSON.stringify(body)}`);
    return { ...read(body), status };
  },
  close: async () => {},
});

/** Asks `POST /api/operations/{tool}`. */
export const asOperations =
  (url: string): Ask =>
  (tool, args) =>
    askOperation(url, tool, args);

const objects = z.array(z.looseObject({}));

/** A list of objects in an answer. */
export const listOf = (value: unknown): Json[] => objects.parse(value);
