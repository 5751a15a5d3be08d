import type { ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Log } from '../log/log.ts';
import type { EventRecord } from '../store/rows.ts';

const HEARTBEAT_MS = 15_000;

interface StreamOptions {
  /** Where the frames are written: past the streams of the web, between an event and whoever waits for it. */
  readonly outgoing: ServerResponse | undefined;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Frames as server-sent events, until `signal` aborts or the frames end. Asks for the next one only when the client has taken
 * the last, so a slow client costs no memory.
 */
export function frameStream(frames: AsyncIterable<string>, { outgoing, ...options }: StreamOptions): Response {
  if (outgoing === undefined) throw new Error('there is nothing to write the frames to');
  outgoing.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    ...options.headers,
  });
  // Nothing is begun that nobody reads.
  if (outgoing.req.method === 'HEAD') outgoing.end();
  else void pour(frames, outgoing, options);
  return RESPONSE_ALREADY_SENT;
}

async function pour(
  frames: AsyncIterable<string>,
  outgoing: ServerResponse,
  { signal, log }: Pick<StreamOptions, 'signal' | 'log'>,
): Promise<void> {
  // That a client has gone away is no failure.
  outgoing.on('error', error => log.debug({ err: error }, 'an event stream broke off'));
  // Headers go out with the first bytes, and a client waits for those.
  writeNow(outgoing, ': connected\n\n');
  const heartbeat = setInterval(() => {
    if (!outgoing.writableNeedDrain) writeNow(outgoing, ': heartbeat\n\n');
  }, HEARTBEAT_MS);
  outgoing.once('close', () => clearInterval(heartbeat));
  try {
    for await (const frame of frames) {
      if (outgoing.destroyed) break;
      const hasRoom = writeNow(outgoing, frame);
      // What was written goes out before anything is done for what comes after it.
      await (hasRoom ? new Promise(resolve => setImmediate(resolve)) : untilDrained(outgoing));
    }
  } catch (error) {
    if (!signal.aborted) log.error({ err: error }, 'an event stream ended early');
  }
  clearInterval(heartbeat);
  outgoing.end();
}

/** To the system at once, in one piece. False when the client has not taken yet what was written before. */
function writeNow(outgoing: ServerResponse, text: string): boolean {
  const { socket } = outgoing;
  socket?.cork();
  const hasRoom = outgoing.write(text);
  socket?.uncork();
  return hasRoom;
}

/** Settles when there is room again, or nobody is there any more. */
function untilDrained(outgoing: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => {
    outgoing.off('drain', settle).off('close', settle);
    resolve();
  };
  outgoing.on('drain', settle).on('close', settle);
  return promise;
}

/** The events of one stream, `id` being `seq`. */
export const eventStream = (events: AsyncIterable<EventRecord>, options: StreamOptions): Response =>
  frameStream(framesOf(events), options);

async function* framesOf(events: AsyncIterable<EventRecord>): AsyncGenerator<string> {
  for await (const event of events) yield frameOf(event);
}

function frameOf({ seq, stream, type, time, body }: EventRecord): string {
  const data = JSON.stringify({ stream, seq, type, time: new Date(time).toISOString(), body });
  return `id: ${seq}\nevent: ${type.replaceAll(/[\r\n]/g, ' ')}\ndata: ${data}\n\n`;
}
