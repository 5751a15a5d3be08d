import { mkdir, realpath } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { startModelProcess } from './model-process.ts';
import { plainHttp } from './plain-http.ts';
import { prepareAgents } from '../../test/support/real-agents.ts';
import { scratchDirectory, startServer } from '../../test/support/server.ts';

/** What the benches look at in an event; it is not checked, which would take the time of whoever hears it. */
export interface Heard {
  readonly type: string;
  readonly sessionId?: string;
  readonly turnId?: string;
  readonly partId?: string;
  readonly delta?: string;
  readonly message?: { readonly role: string };
  readonly part?: {
    readonly id: string;
    readonly type: string;
    readonly text?: string;
    readonly time?: { readonly end?: number };
  };
  /** By this process's clocks, when it was read. */
  readonly at: number;
  readonly date: number;
}

/** A server with sessions, the agents of the tests, and one reader of all that happens in its sessions. */
export async function openSessionServer() {
  await using open = new AsyncDisposableStack();
  const scratch = open.adopt(await scratchDirectory(), one => one.remove());
  const root = await realpath(scratch.path);
  const project = join(root, 'project');
  await mkdir(project);
  const model = await startModelProcess();
  const agents = open.adopt(await prepareAgents({ folder: root, project, model }), one => one.close());
  const sessions = { BOXSWAIN_SESSIONS_ROOTS: project, BOXSWAIN_SESSIONS_MAX_LIVE: '40' };
  const server = open.adopt(
    await startServer({ directory: join(root, 'data'), env: { ...agents.env, ...sessions } }),
    one => one.stop(),
  );
  const agent = open.adopt(new Agent({ keepAlive: true }), one => one.destroy());
  const listeners = new Set<(event: Heard) => void>();
  const stream = await listen(new URL('/api/events', server.url), agent, event => {
    for (const listener of listeners) listener(event);
  });
  open.defer(stream.end);
  const http = open.adopt(plainHttp(server.url), one => one.close());
  const ask = async (tool: string, args: object): Promise<unknown> =>
    JSON.parse(await http.post(`/api/operations/${tool}`, args));
  const held = open.move();
  return {
    project,
    agents,
    ask,
    create: async (kind: string): Promise<string> =>
      z.looseObject({ sessionId: z.string() }).parse(await ask('create_session', { cwd: project, agent: kind }))
        .sessionId,
    /** Settles with the first event from now on that is meant. */
    next: (isMeant: (event: Heard) => boolean): Promise<Heard> => {
      const { promise, resolve } = Promise.withResolvers<Heard>();
      const listener = (event: Heard) => {
        if (!isMeant(event)) return;
        listeners.delete(listener);
        resolve(event);
      };
      listeners.add(listener);
      return promise;
    },
    close: () => held.disposeAsync(),
  };
}
export type SessionServer = Awaited<ReturnType<typeof openSessionServer>>;

/** Settles once the stream is open. */
function listen(url: URL, agent: Agent, heard: (event: Heard) => void): Promise<{ end: () => void }> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const failed = (error: Error) => (over.signal.aborted ? undefined : reject(error));
    const sent = request(url, { agent, headers: { accept: 'text/event-stream' } }, response => {
      const lines = createInterface({ input: response }).on('error', failed);
      lines.on('line', line => {
        if (!line.startsWith('data:')) return;
        const event: Omit<Heard, 'at' | 'date'> = JSON.parse(line.slice(5));
        heard({ ...event, at: performance.now(), date: Date.now() });
        if (event.type === 'server.connected') resolve({ end });
      });
    });
    const end = () => {
      over.abort();
      sent.destroy();
    };
    sent.on('error', failed);
    sent.end();
  });
}
