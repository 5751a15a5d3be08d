import { Readable } from 'node:stream';
import type { z } from 'zod';
import type { RunOptions } from './boxd.ts';
import type { Channel } from './channel.ts';
import { emptyReply, type ReplyHeader, type RunReply, runReply } from './replies.ts';

/** How many bytes boxd may send ahead of what has been taken. */
export const WINDOW_BYTES = 1024 * 1024;
const GRANT_BYTES = WINDOW_BYTES / 4;
const MAX_ENTRIES = 4_000_000;

/** One question, one answer. */
export function ask<Shape extends z.ZodType, Answer>(
  channel: Channel,
  header: object,
  reply: { shape: Shape; payload?: Uint8Array; answer(result: z.output<Shape>, payload: Uint8Array): Answer },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = (result: unknown, payload: Uint8Array) => resolve(reply.answer(reply.shape.parse(result), payload));
    channel.open(header, { part: refuse, end, fail: reject }, reply.payload);
  });
}

/** Sends a further frame of a request; dropped when it has ended. */
export type Tell = (header: object) => void;

/** A program in the box. Rejects with the signal's reason when the run was cancelled by it, once the program is dead. */
export function run(
  channel: Channel,
  header: object,
  { signal, onOutput, stdin, opened }: RunOptions & { stdin?: Uint8Array; opened?(tell: Tell): void },
): Promise<RunReply> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let sequence = 0;
    let consumed = 0;
    let failure: { readonly error: unknown } | undefined;
    const cancel = () => channel.tell(id, { cancel: true });
    const part = ({ seq, stream }: ReplyHeader, payload: Uint8Array) => {
      if (stream === undefined || seq !== sequence) throw new Error('output out of order');
      sequence += 1;
      consumed += payload.byteLength;
      try {
        if (!failure) onOutput(stream, payload);
      } catch (error) {
        // The listener's own trouble: the run ends, and its caller hears of it.
        failure = { error };
        cancel();
      }
      if (consumed < GRANT_BYTES) return;
      channel.tell(id, { credit: consumed });
      consumed = 0;
    };
    const end = (result: unknown) => {
      const reply = runReply.parse(result);
      signal.removeEventListener('abort', cancel);
      if (failure) reject(failure.error);
      else if (reply.cancelled && signal.aborted) reject(signal.reason);
      else resolve(reply);
    };
    const fail = (error: Error) => {
      signal.removeEventListener('abort', cancel);
      reject(error);
    };
    signal.addEventListener('abort', cancel, { once: true });
    const id = channel.open({ ...header, credit: WINDOW_BYTES }, { part, end, fail }, stdin);
    opened?.(more => channel.tell(id, more));
  });
}

/** Bytes in order. Settles when the first of them, or an error, is there; destroying the stream ends the request. */
export function byteStream(channel: Channel, header: object): Promise<Readable> {
  return new Promise((resolve, reject) => {
    let sequence = 0;
    let owed = 0;
    let isOver = false;
    const grant = () => {
      if (owed > 0) channel.tell(id, { credit: owed });
      owed = 0;
    };
    const stream = new Readable({
      highWaterMark: WINDOW_BYTES,
      read: grant,
      destroy(error, done) {
        if (!isOver) channel.tell(id, { cancel: true });
        done(error);
      },
    });
    // A failure right behind the first bytes comes before whoever waits for the stream has it: reading it tells them.
    stream.on('error', () => {});
    const part = ({ seq }: ReplyHeader, payload: Uint8Array) => {
      if (seq !== sequence || payload.byteLength === 0) throw new Error('data out of order');
      sequence += 1;
      owed += payload.byteLength;
      if (!stream.destroyed && stream.push(payload) && owed >= GRANT_BYTES) grant();
      resolve(stream);
    };
    const end = (result: unknown) => {
      emptyReply.parse(result);
      isOver = true;
      if (!stream.destroyed) stream.push(null);
      resolve(stream);
    };
    const fail = (error: Error) => {
      isOver = true;
      if (sequence === 0) reject(error);
      else stream.destroy(error);
    };
    const id = channel.open({ ...header, credit: WINDOW_BYTES }, { part, end, fail });
  });
}

/** Lists that come in parts. */
export function collect<Item, Shape extends z.ZodType>(
  channel: Channel,
  header: object,
  { items, shape }: { items: z.ZodType<Item[]>; shape: Shape },
): Promise<{ found: Item[]; result: z.output<Shape> }> {
  return new Promise((resolve, reject) => {
    const found: Item[] = [];
    const part = ({ entries }: ReplyHeader, payload: Uint8Array) => {
      if (!entries || found.length > MAX_ENTRIES) throw new Error('not a list');
      for (const item of items.parse(JSON.parse(Buffer.from(payload).toString()))) found.push(item);
      channel.tell(id, { credit: payload.byteLength });
    };
    const end = (result: unknown) => resolve({ found, result: shape.parse(result) });
    const id = channel.open({ ...header, credit: WINDOW_BYTES }, { part, end, fail: reject });
  });
}

function refuse(): never {
  throw new Error('an answer that was not asked for');
}
