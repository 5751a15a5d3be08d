import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createSqliteStore } from '../src/store/sqlite.ts';
import type { Store } from '../src/store/store.ts';
import { scratchDirectory, startServer } from '../test/support/server.ts';
import { type Bench, measurement } from './support/measure.ts';
import { type RawClient, rawClient } from './support/raw-client.ts';
import { percentile, timeEach } from './support/statistics.ts';

const EVENTS = 100_000;
const TURN = 500;
const SESSIONS = 1_000;
const POLLS = 300;
const BUDGET_MS = 20;

/**
 * `poll_events` over MCP where one session has 100,000 events, and the feed of a caller with 1,000 sessions that speak in turn, which is
 * the most that a feed can be scattered.
 */
export const polling: Bench = {
  name: 'polling',
  run: async () => {
    const scratch = await scratchDirectory();
    const [project, home, directory] = ['project', 'home', 'data'].map(name => join(scratch.path, name));
    if (project === undefined || home === undefined || directory === undefined) throw new Error('no directories');
    for (const folder of [project, home]) await mkdir(folder);
    const start = () => startServer({ directory, env: { BOXSWAIN_SESSIONS_ROOTS: project, HOME: home } });
    let server = await start();
    try {
      const first = rawClient(server.url, 1);
      const { sessionId } = await first.call('create_session', { cwd: project, agent: 'scripted' });
      first.close();
      await server.stop();
      await fill(join(directory, 'records.db'), String(sessionId));
      server = await start();
      const client = rawClient(server.url, 1);
      const found = await measured(client, String(sessionId));
      client.close();
      return Object.entries(found).map(([name, samples]) =>
        measurement({
          name: `poll_events, ${name}, p95`,
          unit: 'ms',
          baseline: 'the budget itself',
          value: percentile(samples, 0.95),
          baselineValue: BUDGET_MS,
          budget: { atMost: 1 },
        }),
      );
    } finally {
      await server.stop();
      await scratch.remove();
    }
  },
};

async function measured(client: RawClient, session_id: string): Promise<Record<string, number[]>> {
  const poll = (args: object) => client.call('poll_events', { timeout_ms: 0, ...args });
  const oneCursors = await cursors(args => poll({ session_id, ...args }), { t: `session:${session_id}`, s: 0 });
  const allCursors = await cursors(poll, { f: 0, o: 0 });
  const each = (calls: (at: number) => object) => {
    let at = 0;
    return timeEach(() => poll(calls(at++)), { count: POLLS, warmUp: 20 });
  };
  const anyOf = (list: readonly string[], at: number) => list[(at * 7919) % list.length];
  return {
    '200 of 100,000 events of a session': await each(at => ({ session_id, after: anyOf(oneCursors, at) })),
    'the latest turn of them': await each(() => ({ session_id })),
    'nothing new in them': await each(() => ({ session_id, after: oneCursors.at(-1) })),
    'one type among them': await each(at => ({
      session_id,
      after: anyOf(oneCursors, at),
      types: ['session.idle'],
      max_events: 1,
    })),
    '200 events of 1,000 sessions': await each(at => ({ after: anyOf(allCursors, at) })),
    'the newest events of 1,000 sessions': await each(() => ({})),
  };
}

/** All that a reader gets from the beginning, page by page. */
async function cursors(poll: (args: object) => Promise<Record<string, unknown>>, beginning: object): Promise<string[]> {
  const all = [Buffer.from(JSON.stringify(beginning)).toString('base64url')];
  while (true) {
    const { events, cursor } = await poll({ after: all.at(-1), max_events: 1000 });
    if (!Array.isArray(events) || events.length === 0) return all;
    all.push(String(cursor));
  }
}

/** As an agent talks: a prompt, an answer in small pieces, an end. */
async function fill(path: string, sessionId: string): Promise<void> {
  const store = await createSqliteStore({ path });
  try {
    for (let at = 0; at < EVENTS; at += TURN) await store.sessions.append(sessionId, turnOf(sessionId, TURN));
    const others = await sessionsLike(store, sessionId);
    for (let round = 0; round < EVENTS / SESSIONS / 4; round++)
      for (const id of others) await store.sessions.append(id, [delta(randomUUID(), `word ${round} `)]);
  } finally {
    await store.close();
  }
}

async function sessionsLike(store: Store, sessionId: string): Promise<string[]> {
  const model = await store.sessions.get(sessionId);
  if (model === undefined) throw new Error('the session is not there');
  const ids = Array.from({ length: SESSIONS }, () => randomUUID());
  for (const id of ids) await store.sessions.insert({ ...model, id, agentSessionId: id });
  return ids;
}

function turnOf(sessionId: string, size: number) {
  const messageId = randomUUID();
  const message = { id: messageId, sessionId, role: 'assistant', time: { created: 1 }, parts: [] };
  const pieces = Array.from({ length: size - 2 }, (_, at) =>
    delta(messageId, `a few words of an answer, number ${at}; `),
  );
  const idle = { type: 'session.idle', body: { turnId: randomUUID(), result: { outcome: 'completed' } } };
  return [{ type: 'message.created', body: { message } }, ...pieces, idle];
}

const delta = (messageId: string, text: string) => ({
  type: 'message.part.delta',
  body: { messageId, partId: messageId, delta: text },
});
