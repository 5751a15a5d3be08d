import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { encodeFrame } from './frames.ts';
import { cellAnswer } from './replies.ts';
import { VIGIL_MS, Vigil } from './vigil.ts';

/** What a context says of a cell. `whole`: there is nothing else to be told, no output, no artifact, no failure. */
const laneAnswer = z.object({ ...cellAnswer.shape, id: z.int(), whole: z.boolean() });
export type LaneAnswer = z.output<typeof laneAnswer>;

/** Who may be spoken to on a lane, and where. Given by boxd. */
export interface Way {
  readonly index: number;
  /** Hexadecimal; precedes each frame of either end. */
  readonly key: string;
}

export interface LaneListener {
  answered(answer: LaneAnswer): void;
  /** What came in was no answer, or the lane is closed: it will not be used again. */
  broken(): void;
}

const NO_BYTES = Buffer.alloc(0);
const KEY_BYTES = 16;
const HEAD_BYTES = KEY_BYTES + 4;
/** A result is cut at 65,536 characters, each of which may take 12 bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** What surely fits between two processes at once. */
const MAX_REQUEST_BYTES = 65_536;
/** One for all lanes of the process, as there is one event loop. */
const vigil = new Vigil();

/**
 * A socket that leads to a context, past boxd. One cell at a time. Code in the box may write onto it, so the first byte that makes no
 * sense, or that nobody waits for, is the last that is read.
 */
export class Lane {
  readonly #stream: Duplex;
  #key: Buffer = NO_BYTES;
  #lastId = 0;
  #listener: LaneListener | undefined;
  #received: Buffer = NO_BYTES;
  #isBroken = false;
  #sentAt = 0;
  /** The last answer came so soon that the next one may be worth staying awake for. */
  #wasQuick = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    for (const event of ['error', 'end', 'close']) stream.on(event, () => this.#break());
    if (stream.destroyed) this.#break();
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** From now on what is sent is meant for the context of this key. */
  aim(key: string): void {
    this.#key = Buffer.from(key, 'hex');
  }

  /** Sends a cell; false when it is too large, and nothing was sent. */
  send(request: object, { stdin, listener }: { stdin?: Uint8Array; listener: LaneListener }): boolean {
    const id = this.#lastId + 1;
    const head = encodeFrame({ id, ...request }, stdin?.byteLength);
    if (head.byteLength + (stdin?.byteLength ?? 0) > MAX_REQUEST_BYTES) return false;
    this.#lastId = id;
    this.#listener = listener;
    this.#sentAt = performance.now();
    if (this.#wasQuick) vigil.keep(() => this.#listener !== listener);
    this.#stream.write(Buffer.concat(stdin?.byteLength ? [this.#key, head, stdin] : [this.#key, head]));
    return true;
  }

  #receive(chunk: Buffer): void {
    if (this.#isBroken) return;
    const listener = this.#listener;
    const answer = listener && this.#read(chunk);
    if (answer === 'more') return;
    if (listener === undefined || answer === undefined) {
      this.#break();
      return;
    }
    this.#received = NO_BYTES;
    this.#listener = undefined;
    this.#wasQuick = performance.now() - this.#sentAt < VIGIL_MS;
    listener.answered(answer);
  }

  /** Undefined when what came in is not the answer, or more than it. */
  #read(chunk: Buffer): LaneAnswer | 'more' | undefined {
    const received = this.#received.byteLength === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = received;
    if (received.byteLength < HEAD_BYTES) return 'more';
    const size = received.readUInt32BE(KEY_BYTES);
    const missing = HEAD_BYTES + size - received.byteLength;
    const isMine = received.subarray(0, KEY_BYTES).equals(this.#key);
    if (!isMine || size > MAX_ANSWER_BYTES || missing < 0) return undefined;
    if (missing > 0) return 'more';
    const answer = parse(received.subarray(HEAD_BYTES));
    return answer?.id === this.#lastId ? answer : undefined;
  }

  #break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#stream.destroy();
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.broken();
  }
}

function parse(json: Buffer): LaneAnswer | undefined {
  try {
    return laneAnswer.safeParse(JSON.parse(json.toString())).data;
  } catch {
    return undefined;
  }
}
