import type { Duplex } from 'node:stream';
import { AppError } from '../../../errors/app-error.ts';
import { BoxdGone } from './boxd.ts';
import { encodeFrame, FrameSplitter } from './frames.ts';
import { type ReplyHeader, replyHeaderSchema } from './replies.ts';

/** What a request in flight does with what comes back for it. */
export interface Listener {
  /** A frame on the way: output, data, entries, an acknowledgement. What it throws ends the channel. */
  part(header: ReplyHeader, payload: Uint8Array): void;
  /** The answer. What it throws ends the channel. */
  end(result: unknown, payload: Uint8Array): void;
  fail(error: Error): void;
}

/** Requests and their answers over one byte stream. A frame that makes no sense ends it: boxd no longer speaks for itself. */
export class Channel {
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #listeners = new Map<number, Listener>();
  readonly #splitter = new FrameSplitter();
  #nextId = 1;
  #isGone = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    const gone = () => {
      this.#end();
      resolve();
    };
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', gone);
    stream.on('end', gone);
    stream.on('close', gone);
    if (stream.destroyed) gone();
  }

  /** Sends a request and answers its id. When the channel is gone, the listener fails before this returns. */
  open(header: object, listener: Listener, payload?: Uint8Array): number {
    const id = this.#nextId++;
    if (this.#isGone) {
      listener.fail(new BoxdGone('the box is gone'));
      return id;
    }
    const head = encode({ id, ...header }, payload);
    this.#listeners.set(id, listener);
    this.#write(head, payload);
    return id;
  }

  /** A further frame of a request in flight; dropped when it has ended. */
  tell(id: number, header: object, payload?: Uint8Array): void {
    if (this.#isGone || !this.#listeners.has(id)) return;
    this.#write(encode({ id, ...header }, payload), payload);
  }

  #write(head: Buffer, payload?: Uint8Array): void {
    if (!payload?.byteLength) {
      this.#stream.write(head);
      return;
    }
    this.#stream.cork();
    this.#stream.write(head);
    this.#stream.write(payload);
    this.#stream.uncork();
  }

  #receive(chunk: Buffer): void {
    if (this.#isGone) return;
    try {
      for (const { header, payload } of this.#splitter.feed(chunk))
        this.#dispatch(replyHeaderSchema.parse(header), payload);
    } catch {
      // Its words cannot be understood any more; every request in flight is told, and the box's owner by `closed`.
      this.#stream.destroy();
      this.#end();
    }
  }

  #dispatch(header: ReplyHeader, payload: Uint8Array): void {
    if (header.fatal !== undefined) throw new Error('boxd gave up');
    const listener = header.id === undefined ? undefined : this.#listeners.get(header.id);
    if (!listener || header.id === undefined) return;
    if (header.error) {
      this.#listeners.delete(header.id);
      listener.fail(AppError.fromShape(header.error));
      return;
    }
    if (header.ok === undefined) {
      listener.part(header, payload);
      return;
    }
    this.#listeners.delete(header.id);
    try {
      listener.end(header.ok, payload);
    } catch (error) {
      listener.fail(new BoxdGone('the box gave an answer that makes no sense', { cause: error }));
      throw error;
    }
  }

  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const left = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of left) listener.fail(new BoxdGone('the box is gone'));
  }
}

function encode(header: object, payload?: Uint8Array): Buffer {
  try {
    return encodeFrame(header, payload?.byteLength);
  } catch (error) {
    throw new AppError('FILE_TOO_LARGE', 'the content is larger than one request to the box may be', { cause: error });
  }
}
