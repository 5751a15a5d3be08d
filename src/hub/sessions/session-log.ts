import { feedOf, streamOf } from '../../store/agents/session-logs.ts';
import type { LoggedEvents, NewSessionEvent, SessionAddedTo, SessionPatch } from '../../store/agents/store.ts';
import type { EventRecord, JsonObject } from '../../store/rows.ts';
import type { Store } from '../../store/store.ts';
import type { EventLog } from '../events.ts';

/** The logs of sessions, as hubs add to them. */
export class SessionLog {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #behind = new WeakMap<EventRecord, readonly EventRecord[]>();
  #childHeard: () => void = () => {};

  constructor(store: Store, events: EventLog) {
    this.#store = store;
    this.#events = events;
  }

  /** The listener is called when something was added to the log of a session that has a parent. */
  onChild(heard: () => void): void {
    this.#childHeard = heard;
  }

  /** False when the session is gone. */
  async append(id: string, events: readonly NewSessionEvent[], patch?: SessionPatch): Promise<boolean> {
    const session = await this.#store.sessions.append(id, events, patch);
    if (session !== undefined) this.added(session, session.logged);
    return session !== undefined;
  }

  /** Something was added to the log of the session. */
  async wake(id: string): Promise<void> {
    const session = await this.#store.sessions.get(id);
    if (session !== undefined) this.added(session);
  }

  /** The same, where the session is at hand; `logged`: what was added, where that is. */
  added({ id, caller, parentId }: SessionAddedTo, logged?: LoggedEvents): void {
    const [stream, feed] = [streamOf(id), feedOf(caller)];
    const isFollowed = logged !== undefined && (this.#events.isFollowed(stream) || this.#events.isFollowed(feed));
    const events = isFollowed ? logged.events.map(asRead) : [];
    const ranges = isFollowed ? logged.ranges : [];
    for (const range of ranges) this.#behind.set(range, events);
    this.#events.wake(stream, events);
    this.#events.wake(feed, ranges);
    if (parentId !== null) this.#childHeard();
  }

  /** The events that a range names, where they were just added here. */
  behind(range: EventRecord): readonly EventRecord[] | undefined {
    return this.#behind.get(range);
  }
}

/** Without what the records do not keep. */
function asRead(event: EventRecord): EventRecord {
  if (isWholeJson(event.body)) return event;
  const body: JsonObject = JSON.parse(JSON.stringify(event.body));
  return { ...event, body };
}

/** JSON would keep all of it. */
function isWholeJson(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isWholeJson);
  return value !== undefined && (typeof value !== 'number' || Number.isFinite(value));
}
