import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { startModelProcess } from './model-process.ts';
import { plainEvents } from './plain-events.ts';
import { plainHttp } from './plain-http.ts';
import { prepareAgents } from '../../test/support/real-agents.ts';
import { scratchDirectory, startServer } from '../../test/support/server.ts';

/** What the benches look at in an event; it is not checked, which would take the time of whoever hears it. */
export interface Heard {
  readonly type: string;
  readonly sessionId?: string;
  readonly session?: { readonly id: string };
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
  const model = open.adopt(await startModelProcess(), one => one.close());
  const agents = open.adopt(await prepareAgents({ folder: root, project, model }), one => one.close());
  const sessions = { BOXSWAIN_SESSIONS_ROOTS: project, BOXSWAIN_SESSIONS_MAX_LIVE: '40' };
  const server = open.adopt(
    await startServer({ directory: join(root, 'data'), env: { ...agents.env, ...sessions } }),
    one => one.stop(),
  );
  const listeners = new Set<(event: Heard) => void>();
  const connected = Promise.withResolvers<void>();
  const stream = await plainEvents(new URL('/api/events', server.url), data => {
    const event: Omit<Heard, 'at' | 'date'> = JSON.parse(data);
    const heard = { ...event, at: performance.now(), date: Date.now() };
    for (const listener of listeners) listener(heard);
    if (event.type === 'server.connected') connected.resolve();
  });
  open.defer(stream.end);
  await connected.promise;
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
