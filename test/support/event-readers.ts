import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const eventSchema = z.looseObject({ seq: z.number(), type: z.string(), turnId: z.string().optional() });
export type ReadEvent = z.output<typeof eventSchema>;
const pageSchema = z.looseObject({ events: z.array(eventSchema), cursor: z.string() });

/** Whoever reads a session over HTTP, whatever becomes of the servers meanwhile, until it is stopped. */
export interface EventReader {
  /** All that it got, in the order in which it came. */
  readonly seen: ReadEvent[];
  /** Times that it had to connect again. */
  readonly breaks: number;
  /** Gives its connection up, as a client does whose network changes, and comes back. */
  hangUp(): void;
  stop(): Promise<void>;
}

interface Read {
  /** Of a server, asked for before each connection. */
  url(): string;
  readonly sessionId: string;
  readonly after: string;
}

/** Polls, with the cursor of each answer, wherever the next one comes from. */
export function pollingReader({ url, sessionId, after }: Read): EventReader {
  let cursor = after;
  return reader(async ({ seen, signal }) => {
    const response = await fetch(`${url()}/api/operations/poll_events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ session_id: sessionId, after: cursor, timeout_ms: 2000, max_events: 50 }),
      signal,
    });
    const page = pageSchema.parse(await response.json());
    seen.push(...page.events);
    ({ cursor } = page);
  });
}

/** Reads the stream of server-sent events, and comes back with the id of the last one. */
export function streamingReader({ url, sessionId, after }: Read): EventReader {
  let last = after;
  return reader(async ({ seen, signal }) => {
    const headers = { 'last-event-id': last };
    const asked = request(`${url()}/api/events?session_id=${sessionId}`, { headers, agent: false, signal }).end();
    const [response]: IncomingMessage[] = await once(asked, 'response');
    if (response?.statusCode !== 200) throw new Error(`the stream answers ${response?.statusCode}`);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) {
      const blocks = (text + String(chunk)).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const id = /^id: (.*)$/m.exec(block)?.[1];
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (id === undefined || data === undefined) continue;
        const event = eventSchema.safeParse(JSON.parse(data));
        if (event.success) seen.push(event.data);
        last = id;
      }
    }
    throw new Error('the stream ended');
  });
}

/** Repeats the reading; what breaks it, such as a server that was killed, is a reason to begin again. */
function reader(read: (given: { seen: ReadEvent[]; signal: AbortSignal }) => Promise<void>): EventReader {
  const stopping = new AbortController();
  const { signal } = stopping;
  const seen: ReadEvent[] = [];
  let connection = new AbortController();
  let breaks = 0;
  const work = async () => {
    while (!signal.aborted) {
      try {
        await read({ seen, signal: AbortSignal.any([signal, connection.signal]) });
      } catch {
        connection = new AbortController();
        breaks += 1;
        await delay(50);
      }
    }
  };
  const running = work();
  return {
    seen,
    get breaks() {
      return breaks;
    },
    hangUp: () => connection.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
