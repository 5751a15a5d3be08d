import type { EventRecord } from '../../store/rows.ts';
import { feedOf, streamOf } from '../../store/agents/session-logs.ts';
import type { EventRange, PollPosition } from '../../store/events/store.ts';
import type { Store } from '../../store/store.ts';
import type { EventLog } from '../events.ts';
import type { SessionLog } from './session-log.ts';

/** Ranges that are read at a time. */
const RANGES = 200;

/** An event, and where a reader of everything stands after it: a place in the feed, and how far into the range behind that. */
export interface FedEvent {
  readonly event: EventRecord;
  readonly position: PollPosition;
}

export interface FeedPage {
  readonly events: FedEvent[];
  readonly position: PollPosition;
  readonly hasMore: boolean;
  /** Events between the position asked for and the last of these are kept no more. */
  readonly hasGap: boolean;
}

interface ReadOptions {
  readonly after: PollPosition;
  readonly limit: number;
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/** Everything that happens in the sessions of one caller, in one order, with one cursor. Reading takes nothing from other readers. */
export class SessionFeed {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #log: Pick<SessionLog, 'behind'>;

  constructor(store: Store, { events, log }: { events: EventLog; log: Pick<SessionLog, 'behind'> }) {
    this.#store = store;
    this.#events = events;
    this.#log = log;
  }

  /** Name of the stream of ranges, whose positions are those of the feed. */
  streamOf(caller: string): string {
    return feedOf(caller);
  }

  async read(caller: string, { after, limit, waitMs, signal }: ReadOptions): Promise<FeedPage> {
    const named = await this.#events.read(feedOf(caller), { after: after.seq, limit: RANGES, waitMs, signal });
    const wanted = wantedOf(named, { after, limit });
    const read = this.#justAdded(named, wanted) ?? (await this.#store.events.readRanges(wanted));
    const events: FedEvent[] = [];
    let position = after;
    let hasGap = named[0] !== undefined && named[0].seq > after.seq + 1;
    for (const range of wanted) {
      const inside = read.splice(0, countOf(read, range));
      if (inside.length < range.last - range.first + 1) hasGap = true;
      for (const event of inside) events.push({ event, position: positionIn(range, event.seq) });
      position = positionIn(range, range.last);
    }
    const hasMore = named.length === RANGES || wanted.length < named.length || position.offset > 0;
    return { events, position, hasMore, hasGap };
  }

  /** Whoever follows closely needs not read what was written a moment ago. */
  #justAdded([range, ...more]: readonly EventRecord[], [wanted]: readonly Wanted[]): EventRecord[] | undefined {
    if (range === undefined || wanted === undefined || more.length > 0) return undefined;
    return this.#log.behind(range)?.filter(({ seq }) => seq >= wanted.first && seq <= wanted.last);
  }
}

/** Part of one range of the feed. */
interface Wanted extends EventRange {
  /** The range's place in the feed. */
  readonly seq: number;
  /** The whole range. */
  readonly begins: number;
  readonly ends: number;
}

/** As much of the ranges as has room. */
function wantedOf(named: readonly EventRecord[], { after, limit }: { after: PollPosition; limit: number }): Wanted[] {
  const wanted: Wanted[] = [];
  let room = limit;
  for (const range of named) {
    if (room === 0) break;
    const { id, first: begins, last: ends } = rangeOf(range);
    const first = Math.min(ends + 1, begins + (range.seq === after.seq + 1 ? after.offset : 0));
    const last = Math.min(ends, first + room - 1);
    wanted.push({ seq: range.seq, stream: streamOf(id), begins, ends, first, last });
    room -= last - first + 1;
  }
  return wanted;
}

/** How many of the first events belong to the range: what follows is of the next. */
function countOf(events: readonly EventRecord[], { stream, first, last }: EventRange): number {
  const other = events.findIndex(event => event.stream !== stream || event.seq < first || event.seq > last);
  return other < 0 ? events.length : other;
}

const positionIn = ({ seq, begins, ends }: Wanted, read: number): PollPosition =>
  read === ends ? { seq, offset: 0 } : { seq: seq - 1, offset: read - begins + 1 };

/** What an event of a feed names. */
export function rangeOf({ body }: EventRecord): { id: string; first: number; last: number } {
  const { session_id: id, first, last } = body;
  if (typeof id !== 'string' || typeof first !== 'number' || typeof last !== 'number')
    throw new Error('a feed holds something else than a range');
  return { id, first, last };
}
