import type { Message } from '../../protocol/sessions.ts';
import type { EventRecord, JsonObject } from '../../store/rows.ts';
import { streamOf } from '../../store/agents/session-logs.ts';
import type { EventLog } from '../events.ts';
import { MessageFold } from './message-fold.ts';

const PAGE = 500;

export interface TurnSeen {
  readonly messages: Message[];
  readonly timedOut: boolean;
  /** The turn waits for somebody to answer. */
  readonly waitsForPermission: boolean;
  /** How the turn ended, once it has. */
  readonly result: JsonObject | undefined;
  /** Position in the session's log after what was seen. */
  readonly cursor: number;
}

interface Watched {
  readonly sessionId: string;
  readonly turnId: string;
  /** Position just before the turn. */
  readonly after: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Whether a request for leave still waits for its answer: that it has one is known before its event is there. */
  isPending(requestId: string): Promise<boolean>;
}

/** Follows one turn until it ends, waits for leave, or the time is over. Ends of other turns are not its own. */
export async function watchTurn(events: EventLog, watched: Watched): Promise<TurnSeen> {
  const { sessionId, turnId, timeoutMs, signal } = watched;
  const deadline = performance.now() + timeoutMs;
  let fold = new MessageFold();
  let cursor = watched.after;
  const pending = new Set<string>();
  const seen = (more: Partial<TurnSeen> = {}): TurnSeen => ({
    ...{ messages: fold.messages, cursor, timedOut: false, waitsForPermission: false, result: undefined },
    ...more,
  });
  while (true) {
    const waitMs = Math.max(0, deadline - performance.now());
    const page = await events.read(streamOf(sessionId), { after: cursor, limit: PAGE, waitMs, signal });
    for (const event of page) {
      cursor = event.seq;
      fold.apply(event);
      if (event.type === 'permission_request') pending.add(idOf(event));
      if (event.type === 'permission_resolved') pending.delete(String(event.body.requestId));
      if (event.type !== 'session.idle') continue;
      if (event.body.turnId === turnId) return seen({ result: resultOf(event) });
      // What was said before is of the turn that ended here.
      fold = new MessageFold();
      pending.clear();
    }
    if (page.length === PAGE) continue;
    for (const id of pending) if (await watched.isPending(id)) return seen({ waitsForPermission: true });
    if (performance.now() >= deadline) return seen({ timedOut: true });
  }
}

const idOf = ({ body }: EventRecord): string => String(Object(body.request).requestId);

const resultOf = ({ body }: EventRecord): JsonObject => Object(body.result);
