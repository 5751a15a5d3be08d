import { Agent, request } from 'node:http';
import { z } from 'zod';

const PROTOCOL_VERSION = '2026-07-28';

const replySchema = z.looseObject({
  error: z.looseObject({ message: z.string() }).optional(),
  result: z
    .looseObject({ isError: z.boolean().optional(), structuredContent: z.looseObject({}).optional() })
    .optional(),
});

export interface RawClient {
  /** One `tools/call`; throws when it failed. Gives the structured content. */
  call(tool: string, args: object): Promise<Record<string, unknown>>;
  /** One request, its answer unparsed. */
  send(method: string, params: object, name?: string): Promise<string>;
  close(): void;
}

/** A client with as little of its own as can be: one keep-alive agent, the current protocol revision, no validation. */
export function rawClient(url: string, connections: number, more: Record<string, string> = {}): RawClient {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const target = new URL('/mcp', url);
  let id = 0;
  const send: RawClient['send'] = (method, params, name) => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': PROTOCOL_VERSION,
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params: { ...params, _meta: meta } });
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': String(Buffer.byteLength(body)),
      'mcp-protocol-version': PROTOCOL_VERSION,
      'mcp-method': method,
      ...more,
    };
    if (name) headers['mcp-name'] = name;
    return new Promise((resolve, reject) => {
      const sent = request(target, { method: 'POST', agent, headers }, response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  };
  return {
    send,
    call: async (tool, args) => {
      const text = await send('tools/call', { name: tool, arguments: args }, tool);
      const json = text.startsWith('{')
        ? text
        : (text
            .split('\n')
            .findLast(line => line.startsWith('data:'))
            ?.slice(5) ?? '{}');
      const { error, result } = replySchema.parse(JSON.parse(json));
      if (error || !result || result.isError) throw new Error(`${tool} failed: ${text.slice(0, 500)}`);
      return result.structuredContent ?? {};
    },
    close: () => agent.destroy(),
  };
}
