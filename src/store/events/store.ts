import type { EventRecord, JsonObject } from '../rows.ts';

export type AppendOutcome = { ack: number } | { fenced: true } | { gap: number };

export interface EventStore {
  /**
   * Appends to a stream at `first`; `first: 'next'` for streams whose only writer is the hub. Resending is harmless, a
   * gap is refused, an old epoch is fenced.
   */
  append(batch: {
    stream: string;
    epoch: number;
    first: number | 'next';
    events: readonly { type: string; body: JsonObject }[];
  }): Promise<AppendOutcome>;
  read(stream: string, after: number, limit: number): Promise<EventRecord[]>;
  /** Events of many streams, range after range in one statement; what is kept no more is left out. */
  readRanges(ranges: readonly EventRange[]): Promise<EventRecord[]>;
  lastSeq(stream: string): Promise<number>;
  /** The positions of the oldest event that is kept, and of the last; `first` is `last + 1` where none is. */
  span(stream: string): Promise<{ first: number; last: number }>;
  /** The last position older than that time; 0: none that is kept. Slow when much came after it. */
  before(stream: string, time: number): Promise<number>;
  /** Positions at which turns of a session ended, the newest first. */
  turnEnds(stream: string, limit: number): Promise<number[]>;
  /** Removes events older than this, those of sessions only when they are older than `sessionsBefore`; readers behind see a gap. */
  prune(before: number, options?: { sessionsBefore?: number }): Promise<number>;
}

/** From `first` to `last`, both included. */
export interface EventRange {
  readonly stream: string;
  readonly first: number;
  readonly last: number;
}

/** How far one connection has polled something. */
export interface PollPosition {
  readonly seq: number;
  /** Events of the range after it that were read already, in a feed. */
  readonly offset: number;
}

/** What connections remember between polls, so that each goes on where its last one ended, whichever hub it meets. */
export interface PollPositionStore {
  /** The connection begins now. */
  begin(connection: string): Promise<void>;
  /** Where the last poll of these filters ended; else when the connection began; undefined for one that never did. */
  get(connection: string, filters: string): Promise<PollPosition | { readonly since: number } | undefined>;
  /** `isForward`: never back behind where another poll has got meanwhile. Of each connection the newest are kept. */
  set(connection: string, poll: { filters: string; isForward: boolean } & PollPosition): Promise<void>;
  end(connection: string): Promise<void>;
  /** Forgets what was not used since; the number of positions. */
  prune(before: number): Promise<number>;
}
