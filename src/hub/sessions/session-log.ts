import { feedOf, streamOf } from '../../store/agents/sessions.ts';
import type { NewSessionEvent, SessionAddedTo, SessionPatch } from '../../store/agents/store.ts';
import type { Store } from '../../store/store.ts';
import type { EventLog } from '../events.ts';

/** The logs of sessions, as hubs add to them. */
export class SessionLog {
  readonly #store: Store;
  readonly #events: EventLog;
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
    const isThere = await this.#store.sessions.append(id, events, patch);
    if (isThere) await this.wake(id);
    return isThere;
  }

  /** Something was added to the log of the session. */
  async wake(id: string): Promise<void> {
    const session = await this.#store.sessions.get(id);
    if (session !== undefined) this.added(session);
  }

  /** The same, where the session is at hand. */
  added({ id, caller, parentId }: SessionAddedTo): void {
    this.#events.wake(streamOf(id));
    this.#events.wake(feedOf(caller));
    if (parentId !== null) this.#childHeard();
  }
}
