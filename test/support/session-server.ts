import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type RunningServer, scratchDirectory, startServer } from './server.ts';

type Json = Record<string, unknown>;

export interface SessionServer extends AsyncDisposable {
  readonly url: string;
  readonly server: RunningServer;
  /** An empty directory in which agents may work. */
  readonly project: string;
  /** Home of the agents' user, with whatever transcripts were put there. */
  readonly home: string;
  /** A call of a tool over HTTP: its output with the status, or the error's body. */
  ask(tool: string, args?: Json): Promise<Json>;
  /** A request of any kind to a path. */
  http(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json & Json[] }>;
}

interface Options {
  /** Files of the home before anything starts. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
}

/** A real server with an empty home, where the scripted agent may work. Gone with all it made when it is disposed of. */
export async function sessionServer({ files = {}, env = {}, args = [] }: Options = {}): Promise<SessionServer> {
  const scratch = await scratchDirectory();
  const [home, project] = [join(scratch.path, 'home'), join(scratch.path, 'my-app')];
  for (const folder of [home, project]) await mkdir(folder);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), text);
  }
  const server = await startServer({
    directory: join(scratch.path, 'data'),
    env: { BOXSWAIN_SESSIONS_ROOTS: scratch.path, HOME: home, ...env },
    args,
  });
  const http: SessionServer['http'] = async (method, path, body) => {
    const headers = { 'content-type': 'application/json' };
    const sent = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${server.url}${path}`, sent);
    const text = await response.text();
    return { status: response.status, body: text === '' ? [] : JSON.parse(text) };
  };
  return {
    url: server.url,
    server,
    project,
    home,
    http,
    ask: async (tool, given = {}) => {
      const { status, body } = await http('POST', `/api/operations/${tool}`, given);
      return { httpStatus: status, ...body };
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await scratch.remove();
    },
  };
}

/** One message to `/mcp`, and the message that answers it. */
export async function mcpMessage(
  url: string,
  message: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; session: string | null; answer: Json }> {
  const accept = 'application/json, text/event-stream';
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
  });
  const text = await response.text();
  const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  return { status: response.status, session: response.headers.get('mcp-session-id'), answer: JSON.parse(data) };
}

export const initialize = {
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'codez', version: '1' } },
};
