import type { Log } from '../log/log.ts';
import type { EventRecord } from '../store/rows.ts';

const HEARTBEAT_MS = 15_000;

/**
 * Frames as server-sent events, until `signal` aborts or the frames end. Asks for the next one only when the client has taken
 * the last, so a slow client costs no memory.
 */
export function frameStream(
  frames: AsyncIterable<string>,
  { signal, log }: { signal: AbortSignal; log: Log },
): Response {
  const iterator = frames[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let heartbeat: NodeJS.Timeout | undefined;
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      if (heartbeat === undefined) {
        heartbeat = setInterval(() => {
          if ((controller.desiredSize ?? -1) >= 0) controller.enqueue(encoder.encode(': heartbeat\n\n'));
        }, HEARTBEAT_MS);
        // Headers go out with the first bytes, and a client waits for those.
        return controller.enqueue(encoder.encode(': connected\n\n'));
      }
      // What was written goes out before anything is done for what comes after it.
      await new Promise(resolve => setImmediate(resolve));
      try {
        const { done, value } = await iterator.next();
        if (!done) return controller.enqueue(encoder.encode(value));
      } catch (error) {
        if (!signal.aborted) log.error({ err: error }, 'an event stream ended early');
      }
      clearInterval(heartbeat);
      controller.close();
    },
    async cancel() {
      clearInterval(heartbeat);
      await iterator.return?.();
    },
  };
  // Nothing is begun before it is read: the body that answers a HEAD never is, and nobody cancels it.
  const body = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    },
  });
}

/** The events of one stream, `id` being `seq`. */
export const eventStream = (events: AsyncIterable<EventRecord>, options: { signal: AbortSignal; log: Log }): Response =>
  frameStream(framesOf(events), options);

async function* framesOf(events: AsyncIterable<EventRecord>): AsyncGenerator<string> {
  for await (const event of events) yield frameOf(event);
}

function frameOf({ seq, stream, type, time, body }: EventRecord): string {
  const data = JSON.stringify({ stream, seq, type, time: new Date(time).toISOString(), body });
  return `id: ${seq}\nevent: ${type.replaceAll(/[\r\n]/g, ' ')}\ndata: ${data}\n\n`;
}
