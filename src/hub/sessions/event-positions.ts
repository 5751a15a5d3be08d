import { feedOf, streamOf } from '../../store/agents/session-logs.ts';
import type { PollPosition } from '../../store/events/store.ts';
import type { Store } from '../../store/store.ts';
import { rangeOf } from './session-feed.ts';

/** Events after the end of a turn that are looked at for the beginning of another. */
const LOOK = 50;

/** Where readers begin. Positions are exclusive: what is read comes after them. */
export class EventPositions {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Just before the latest turn of the session: the one that runs or waits, else the last that ended. */
  async latestTurn(sessionId: string): Promise<number> {
    const { events, turns } = this.#store;
    const stream = streamOf(sessionId);
    const [last = 0, before = 0] = await events.turnEnds(stream, 2);
    if ((await turns.open(sessionId)).length > 0) return last;
    // Turns that were not asked for here, as in a terminal, have no record; what is said in them has.
    const said = await events.read(stream, last, LOOK);
    return said.some(({ type }) => type.startsWith('message.')) ? last : before;
  }

  /** Just before the newest `count` events of a stream. */
  async newest(stream: string, count: number): Promise<PollPosition> {
    return { seq: Math.max(0, (await this.#store.events.lastSeq(stream)) - count), offset: 0 };
  }

  /** Just before the newest `count` events of all sessions of the caller. */
  async newestOfAll(caller: string, count: number): Promise<PollPosition> {
    const feed = feedOf(caller);
    const { events } = this.#store;
    const { seq } = await this.newest(feed, count);
    let left = count;
    for (const range of (await events.read(feed, seq, count)).toReversed()) {
      const { first, last } = rangeOf(range);
      const size = last - first + 1;
      if (size >= left) return { seq: range.seq - 1, offset: size - left };
      left -= size;
    }
    return { seq, offset: 0 };
  }

  /** Just before what was appended from that time on, epoch milliseconds by the database's clock. */
  async since(stream: string, time: number): Promise<PollPosition> {
    return { seq: await this.#store.events.before(stream, time), offset: 0 };
  }

  /** The position itself; where what follows it is kept no more, or it never was one of this stream, that of the oldest event. */
  async kept(stream: string, position: PollPosition): Promise<PollPosition & { readonly hasGap: boolean }> {
    const { first, last } = await this.#store.events.span(stream);
    const hasGap = position.seq + 1 < first || position.seq > last;
    return hasGap ? { seq: first - 1, offset: 0, hasGap } : { ...position, hasGap };
  }
}
