import { Readable, Writable } from 'node:stream';
import type { Talk, TalkEnd, TalkRequest } from './boxd.ts';
import type { Channel } from './channel.ts';
import { WINDOW_BYTES } from './incoming.ts';
import { type ReplyHeader, talkReply } from './replies.ts';

const GRANT_BYTES = WINDOW_BYTES / 4;
const CHUNK_BYTES = 256 * 1024;
/** Input that boxd has and the program has not; bounds what lies in boxd's memory. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** A program in the box with streams to and from it. */
export function startTalk(channel: Channel, request: TalkRequest): Talk {
  const output = new Output(size => channel.tell(id, { credit: size }));
  const input = new Input({
    send: bytes => channel.tell(id, {}, bytes),
    end: () => channel.tell(id, { end: true }),
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<TalkEnd>();
  ended.catch(() => undefined);
  let sequence = 0;
  const part = ({ seq, stream, ack }: ReplyHeader, payload: Uint8Array) => {
    if (ack !== undefined) {
      input.taken(ack);
      return;
    }
    if (stream === undefined || seq !== sequence || payload.byteLength === 0) throw new Error('output out of order');
    sequence += 1;
    output.put(stream, payload);
  };
  const over = () => {
    input.over();
    output.end();
  };
  const end = (result: unknown) => {
    const reply = talkReply.parse(result);
    over();
    resolve(reply);
  };
  const fail = (error: Error) => {
    over();
    reject(error);
  };
  const id = channel.open({ verb: 'talk', ...request, credit: WINDOW_BYTES }, { part, end, fail });
  return {
    stdin: input.stream,
    stdout: output.stdout,
    stderr: output.stderr,
    ended,
    kill: () => channel.tell(id, { cancel: true }),
  };
}

/** Both streams share what boxd may send ahead; it gets leave for more as they are read. */
class Output {
  readonly #grant: (size: number) => void;
  readonly stdout = this.#stream();
  readonly stderr = this.#stream();
  #owed = 0;

  constructor(grant: (size: number) => void) {
    this.#grant = grant;
  }

  put(name: 'stdout' | 'stderr', bytes: Uint8Array): void {
    this.#owed += bytes.byteLength;
    const stream = this[name];
    // What nobody will read any more holds up nothing.
    if ((stream.destroyed || stream.push(bytes)) && this.#owed >= GRANT_BYTES) this.#pay();
  }

  end(): void {
    for (const stream of [this.stdout, this.stderr]) if (!stream.destroyed) stream.push(null);
  }

  #stream(): Readable {
    return new Readable({ highWaterMark: WINDOW_BYTES / 2, read: () => this.#pay() });
  }

  #pay(): void {
    if (this.#owed > 0) this.#grant(this.#owed);
    this.#owed = 0;
  }
}

class Input {
  readonly stream: Writable;
  #unread = 0;
  #isOver = false;
  #waiting: (() => void) | undefined;

  constructor({ send, end }: { send(bytes: Uint8Array): void; end(): void }) {
    this.stream = new Writable({
      decodeStrings: true,
      highWaterMark: CHUNK_BYTES,
      write: (chunk: Buffer, _encoding, done) => {
        for (let at = 0; at < chunk.byteLength; at += CHUNK_BYTES) send(chunk.subarray(at, at + CHUNK_BYTES));
        this.#unread += chunk.byteLength;
        this.#waiting = done;
        this.#look();
      },
      final: done => {
        end();
        done();
      },
    });
  }

  /** So many bytes have reached the program. */
  taken(size: number): void {
    this.#unread -= size;
    this.#look();
  }

  /** What is written from here on goes nowhere, as with a program that has ended. */
  over(): void {
    this.#isOver = true;
    this.#look();
  }

  #look(): void {
    const done = this.#waiting;
    if (done === undefined || (this.#unread > MOST_UNREAD_BYTES && !this.#isOver)) return;
    this.#waiting = undefined;
    done();
  }
}
