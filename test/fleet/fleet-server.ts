import assert from 'node:assert/strict';
import { type FakeCoder, type FakeCoderOptions, startFakeCoder } from '../support/fake-coder/fake-coder.ts';
import { mcpMessage, type SessionServer, sessionServer } from '../support/session-server.ts';

type Json = Record<string, unknown>;

export interface FleetServer extends AsyncDisposable {
  readonly coder: FakeCoder;
  readonly server: SessionServer;
  /** A call of a tool over MCP: its structured content, and whether it failed. */
  call(tool: string, args?: Json): Promise<{ isError: boolean; output: Json; text: string[] }>;
}

/** A real server with the fleet's tools, before a Coder that keeps to its API document. */
export async function fleetServer(
  options: FakeCoderOptions & { readonly env?: Record<string, string> } = {},
): Promise<FleetServer> {
  const coder = await startFakeCoder(options);
  const server = await sessionServer({
    env: { CODER_URL: coder.origin, CODER_SESSION_TOKEN: coder.token, ...options.env },
    args: ['--toolsets', 'fleet,sessions'],
  });
  return {
    coder,
    server,
    async call(tool, args = {}) {
      const message = { method: 'tools/call', params: { name: tool, arguments: args } };
      const { answer } = await mcpMessage(server.url, message);
      return resultOf(answer);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await coder.close();
    },
  };
}

function resultOf({ result }: Json): { isError: boolean; output: Json; text: string[] } {
  assert.ok(isObject(result));
  const { structuredContent: output, content, isError } = result;
  assert.ok(isObject(output) && Array.isArray(content));
  return { isError: isError === true, output, text: content.map(block => String(block.text)) };
}

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

export function objectIn(value: Json, name: string): Json {
  const member = value[name];
  assert.ok(isObject(member), `${name} of ${JSON.stringify(value)}`);
  return member;
}

export function listIn(value: Json, name: string): Json[] {
  const member = value[name];
  assert.ok(Array.isArray(member), `${name} of ${JSON.stringify(value)}`);
  return member.filter(isObject);
}
