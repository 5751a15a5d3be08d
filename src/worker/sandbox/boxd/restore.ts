import type { Readable } from 'node:stream';
import type { Manifest } from './boxd.ts';
import type { Channel } from './channel.ts';
import { emptyReply, type ReplyHeader } from './replies.ts';

const ENTRIES_PER_FRAME = 1000;
const CHUNK_BYTES = 256 * 1024;
/** Frames that boxd has not yet passed on; bounds what lies in its memory. */
const MAX_UNACKNOWLEDGED = 16;

/** Sends a manifest and the bodies of its files, as fast as the box writes them. */
export async function sendRestore(channel: Channel, manifest: Manifest, contents: Readable): Promise<void> {
  let unacknowledged = 0;
  let wake: (() => void) | undefined;
  let ended = false;
  const answered = Promise.withResolvers<void>();
  const over = () => {
    ended = true;
    wake?.();
  };
  const part = ({ ack }: ReplyHeader) => {
    if (ack === undefined) throw new Error('not an acknowledgement');
    unacknowledged -= ack;
    wake?.();
  };
  const end = (result: unknown) => {
    emptyReply.parse(result);
    over();
    answered.resolve();
  };
  const fail = (error: Error) => {
    over();
    answered.reject(error);
  };
  const id = channel.open({ verb: 'restore' }, { part, end, fail });
  const send = async (header: object, payload: Uint8Array) => {
    while (unacknowledged >= MAX_UNACKNOWLEDGED && !ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    }
    unacknowledged += 1;
    channel.tell(id, header, payload);
  };
  try {
    for (let at = 0; at < manifest.entries.length && !ended; at += ENTRIES_PER_FRAME) {
      const entries = manifest.entries.slice(at, at + ENTRIES_PER_FRAME);
      await send({ entries: true }, Buffer.from(JSON.stringify(entries)));
    }
    if (!ended) await sendContents(contents, { send, isEnded: () => ended });
    channel.tell(id, { end: true });
  } catch (error) {
    channel.tell(id, { cancel: true });
    // The box is told to stop; what it answers to that says less than what went wrong here.
    await answered.promise.catch(() => undefined);
    throw error;
  }
  await answered.promise;
}

async function sendContents(
  contents: Readable,
  { send, isEnded }: { send(header: object, payload: Uint8Array): Promise<void>; isEnded(): boolean },
): Promise<void> {
  for await (const chunk of contents) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the contents must be bytes');
    for (let at = 0; at < chunk.byteLength; at += CHUNK_BYTES) {
      if (isEnded()) return;
      await send({ body: true }, chunk.subarray(at, at + CHUNK_BYTES));
    }
  }
}
