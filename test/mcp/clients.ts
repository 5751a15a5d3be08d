import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

export const MODERN = '2026-07-28';
export type Era = 'legacy' | 'auto';

export interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** A client of SDK v2. */
export async function connect(
  url: string,
  mode: Era,
  options: { headers?: Record<string, string>; path?: string } = {},
): Promise<Connected> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(options.path ?? '/mcp', url), {
    requestInit: { headers: options.headers },
  });
  await client.connect(transport);
  return { client, transport, [Symbol.asyncDispose]: () => client.close() };
}

/** A client of SDK v1, which shares no code with ours. */
export async function connectFirst(url: string): Promise<{ client: FirstClient } & AsyncDisposable> {
  const client = new FirstClient({ name: 'first', version: '1' });
  await client.connect(new FirstTransport(new URL('/mcp', url)));
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

export interface RawOptions {
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly method?: string;
}

/** A POST of anything to /mcp. */
export function post(url: string, body: unknown, options: RawOptions = {}): Promise<Response> {
  return fetch(new URL('/mcp', url), {
    method: options.method ?? 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...options.headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: options.signal,
  });
}

const envelope = (extensions: object) => ({
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { extensions },
});

/** A request of the modern era, headers and all. */
export function postModern(
  url: string,
  request: { id?: number | string; method: string; params?: Record<string, unknown>; extensions?: object },
  options: RawOptions = {},
): Promise<Response> {
  const { id = 1, method, params = {}, extensions = {} } = request;
  const name = params.name ?? params.taskId;
  const body = { jsonrpc: '2.0', id, method, params: { ...params, _meta: envelope(extensions) } };
  const headers = {
    'mcp-protocol-version': MODERN,
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
    ...options.headers,
  };
  return post(url, body, { ...options, headers });
}

/** The message of an answer, be it JSON or the last event of a stream. */
export async function messageOf(response: Response) {
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return JSON.parse(text);
  const last = text
    .split('\n')
    .filter(line => line.startsWith('data: {'))
    .at(-1);
  return JSON.parse(last?.slice(6) ?? 'null');
}
