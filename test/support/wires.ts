import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { z } from 'zod';
import { cleanEnvironment, mainFile } from './server.ts';

export const wireNames = ['stdio, legacy', 'stdio, modern', 'http, legacy', 'http, modern'] as const;
export type WireName = (typeof wireNames)[number];

const errorShape = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()),
});

const resultSchema = z.looseObject({
  isError: z.boolean().optional(),
  structuredContent: z.record(z.string(), z.unknown()).optional(),
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]),
  _meta: z.record(z.string(), z.unknown()).optional(),
});

export interface CallResult {
  readonly isError: boolean;
  /** The structured content; empty for a failure. */
  readonly output: Record<string, unknown>;
  /** Text blocks. */
  readonly text: string[];
  readonly error?: z.output<typeof errorShape>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { progress: number; message?: string }) => void;
}

/** One connected client of the real SDK. */
export interface Peer {
  readonly wire: WireName;
  readonly client: Client;
  call(tool: string, args?: Record<string, unknown>, options?: CallOptions): Promise<CallResult>;
  /** Like `call`, for calls that must succeed: gives the output. */
  ok(tool: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Like `call`, for calls that must fail: gives the error. */
  fails(tool: string, args?: Record<string, unknown>): Promise<z.output<typeof errorShape>>;
  /** Ends the connection and, over legacy HTTP, its session. Again: nothing more. */
  close(): Promise<void>;
}

export interface WireOptions {
  /** Base URL of a running server, for the http wires. */
  readonly url?: string;
  /** Directory of the process that a stdio wire starts. */
  readonly directory?: string;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  readonly headers?: Record<string, string>;
  /** Of the modern era over stdio: asks a process of its own which era it is, as clients of the SDK do. */
  readonly asksAside?: boolean;
}

/** The SDK asks a process like the one that it is given which era it is, and then starts that one; of another class it asks itself. */
class OneProcess extends StdioClientTransport {}

/** Connects a client over a wire. Stdio wires start a process of their own, which ends with the peer. */
export async function connectWire(wire: WireName, options: WireOptions): Promise<Peer> {
  const mode = wire.endsWith('modern') ? 'auto' : 'legacy';
  const client = new Client({ name: 'boxswain-tests', version: '1' }, { versionNegotiation: { mode } });
  const transport = wire.startsWith('stdio') ? stdioTransport(options) : httpTransport(options);
  await client.connect(transport);
  const end = async () => {
    if (transport instanceof StreamableHTTPClientTransport && wire === 'http, legacy')
      await transport.terminateSession();
    await client.close();
  };
  let ended: Promise<void> | undefined;
  return peerOf(wire, client, () => (ended ??= end()));
}

function stdioTransport({ directory, env, args = [], asksAside = false }: WireOptions): StdioClientTransport {
  if (!directory) throw new Error('a stdio wire needs a directory');
  return new (asksAside ? StdioClientTransport : OneProcess)({
    command: process.execPath,
    args: [mainFile, 'mcp', '--directory', directory, ...args],
    env: cleanEnvironment(env),
    stderr: 'ignore',
  });
}

function httpTransport({ url, headers }: WireOptions): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit: { headers } });
}

function peerOf(wire: WireName, client: Client, close: () => Promise<void>): Peer {
  const call: Peer['call'] = async (tool, args = {}, options = {}) => {
    const raw = await client.callTool(
      { name: tool, arguments: args },
      { signal: options.signal, onprogress: options.onProgress, timeout: 300_000, resetTimeoutOnProgress: true },
    );
    const result = resultSchema.parse(raw);
    const error = errorShape.safeParse(result._meta?.['boxswain/error']);
    return {
      isError: result.isError === true,
      output: result.structuredContent ?? {},
      text: result.content.flatMap(block => block.text ?? []),
      error: error.data,
    };
  };
  return {
    wire,
    client,
    call,
    ok: async (tool, args) => {
      const result = await call(tool, args);
      if (result.isError) throw new Error(`${tool} failed over ${wire}: ${result.text.join('\n')}`);
      return result.output;
    },
    fails: async (tool, args) => {
      const result = await call(tool, args);
      if (!result.isError || !result.error)
        throw new Error(`${tool} did not fail over ${wire}: ${result.text.join('\n')}`);
      return result.error;
    },
    close,
  };
}
