import type { EventRecord } from '../../store/rows.ts';
import { feedOf, streamOf } from '../../store/agents/sessions.ts';
import type { Store } from '../../store/store.ts';
import type { EventLog } from '../events.ts';

/** Ranges that are read at a time. */
const RANGES = 200;

/** Where a reader of everything stands: a position in the caller's feed, and how far into the range after it. */
export interface FeedPosition {
  readonly seq: number;
  /** Events of the next range that were read already. */
  readonly offset: number;
}

export interface FeedPage {
  readonly events: EventRecord[];
  readonly position: FeedPosition;
  readonly hasMore: boolean;
  /** Events between the position asked for and the first of these are kept no more. */
  readonly hasGap: boolean;
}

interface ReadOptions {
  readonly after: FeedPosition;
  readonly limit: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Everything that happens in the sessions of one caller, in one order, with one cursor. Reading takes nothing from other readers. */
export class SessionFeed {
  readonly #store: Store;
  readonly #events: EventLog;

  constructor(store: Store, events: EventLog) {
    this.#store = store;
    this.#events = events;
  }

  /** The last position of one stream. */
  lastOf(stream: string): Promise<number> {
    return this.#store.events.lastSeq(stream);
  }

  /** The position after the newest `back` ranges, where there are so many. */
  async newest(caller: string, back: number): Promise<FeedPosition> {
    return { seq: Math.max(0, (await this.#store.events.lastSeq(feedOf(caller))) - back), offset: 0 };
  }

  async read(caller: string, { after, limit, waitMs, signal }: ReadOptions): Promise<FeedPage> {
    const ranges = await this.#events.read(feedOf(caller), { after: after.seq, limit: RANGES, waitMs, signal });
    const events: EventRecord[] = [];
    let position = after;
    let hasGap = ranges[0] !== undefined && ranges[0].seq > after.seq + 1;
    for (const range of ranges) {
      const room = limit - events.length;
      if (room <= 0) return { events, position, hasMore: true, hasGap };
      const { id, first, last } = rangeOf(range);
      const offset = range.seq === after.seq + 1 ? after.offset : 0;
      const from = first + offset;
      const wanted = Math.min(room, last - from + 1);
      const read = await this.#store.events.read(streamOf(id), from - 1, wanted);
      const inside = read.filter(({ seq }) => seq <= last);
      if (inside.length < wanted) hasGap = true;
      events.push(...inside);
      const isWhole = from + wanted > last;
      position = isWhole ? { seq: range.seq, offset: 0 } : { seq: range.seq - 1, offset: offset + wanted };
    }
    return { events, position, hasMore: ranges.length === RANGES || position.offset > 0, hasGap };
  }
}

function rangeOf({ body }: EventRecord): { id: string; first: number; last: number } {
  const { session_id: id, first, last } = body;
  if (typeof id !== 'string' || typeof first !== 'number' || typeof last !== 'number')
    throw new Error('a feed holds something else than a range');
  return { id, first, last };
}
