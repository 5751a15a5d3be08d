import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

export interface SseEvent {
  readonly id: string;
  readonly data: string;
}

/** The next events of a stream of server-sent events: `count` of them, or fewer when the connection breaks. Then it is closed. */
export async function readEvents(
  url: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<SseEvent[]> {
  // Not with fetch, which takes no Host header.
  const asked = request(url, { headers, agent: false }).end();
  const events: SseEvent[] = [];
  try {
    const [response]: IncomingMessage[] = await once(asked, 'response');
    const type = response?.headers['content-type'];
    if (response?.statusCode !== 200 || !type?.startsWith('text/event-stream'))
      throw new Error(`the stream answers ${response?.statusCode} ${type}`);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) {
      const blocks = (text + String(chunk)).split('\n\n');
      text = blocks.pop() ?? '';
      events.push(...blocks.flatMap(eventOf));
      if (events.length >= count) break;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
  } finally {
    asked.destroy();
  }
  return events.slice(0, count);
}

function eventOf(block: string): SseEvent[] {
  const id = /^id: ?(.*)$/m.exec(block)?.[1];
  const data = /^data: ?(.*)$/m.exec(block)?.[1];
  return id && data ? [{ id, data }] : [];
}
