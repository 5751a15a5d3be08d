import type { SessionTold } from '../../protocol/session-messages.ts';
import type { TurnEndState } from '../../store/agents/rows.ts';
import type { SessionAddedTo, SessionReport } from '../../store/agents/store.ts';
import type { Foundation } from '../foundation.ts';
import { toJsonObject } from '../json.ts';
import type { SessionLog } from './session-log.ts';

interface Parts {
  readonly log: SessionLog;
  /** How long a request for leave may wait for its answer. */
  readonly permissionSeconds: number;
  /** A turn has ended: the next one may begin. */
  turnEnded(session: SessionAddedTo): void;
  /** Its agent has ended, so others may have the session. */
  released(session: SessionAddedTo): void;
  /** Something happened in it. */
  heard(session: SessionAddedTo): void;
}

/** Writes down what workers tell of the sessions that they drive. */
export class SessionRecorder {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  async record(worker: string, told: SessionTold): Promise<{ isFenced: boolean; expected: number }> {
    const outcome = await this.#foundation.store.sessions.report(this.#reportOf(worker, told));
    if ('fenced' in outcome) return { isFenced: true, expected: 0 };
    if ('gap' in outcome) return { isFenced: false, expected: outcome.gap };
    const { session } = outcome;
    if (session !== undefined) {
      this.#parts.heard(session);
      this.#parts.log.added(session, session.logged);
      if (told.ended.length > 0) this.#parts.turnEnded(session);
      const { status } = told.patch;
      if (status === 'parked' || status === 'closed' || status === 'failed') this.#parts.released(session);
    }
    return { isFenced: false, expected: outcome.reported + 1 };
  }

  #reportOf(worker: string, told: SessionTold): SessionReport {
    const { sessionId, epoch, first, events, patch, asked, settled, ended } = told;
    const { usage, ...plain } = patch;
    return {
      sessionId,
      worker,
      epoch,
      first,
      events,
      patch: { ...plain, ...(usage && { usage: toJsonObject(usage) }) },
      asked: asked.map(({ requestId, ...question }) => ({
        ...question,
        id: requestId,
        sessionId,
        worker,
        epoch,
        source: 'session',
        holdSeconds: this.#parts.permissionSeconds,
      })),
      settled: settled.map(({ requestId, state }) => ({ id: requestId, state })),
      ended: ended.map(({ turnId, outcome, result }) => ({
        id: turnId,
        state: outcome satisfies TurnEndState,
        result,
      })),
    };
  }
}
