import { AppError } from '../../../errors/app-error.ts';
import { NotHere } from '../../../protocol/link.ts';
import type { OpenSession, WrittenSince } from '../../../protocol/presence.ts';
import type { MirrorPosition } from '../../../store/agents/presence.ts';
import type { AgentSessionRecord } from '../../../store/agents/rows.ts';
import type { Foundation } from '../../foundation.ts';
import { isLive } from '../drive.ts';
import { ADOPTED } from '../session-finder.ts';
import type { SessionLink } from '../session-link.ts';
import type { SessionLog } from '../session-log.ts';
import { eventsOfWritten, idleOf } from './written-events.ts';

const ASK_TIMEOUT_MS = 20_000;
const PAGE = 100;
/** Where nobody tells whether a turn is over, it is once nothing was written for so long. */
const QUIET_MS = 2_000;
/** The only agent that tells of its sessions whether a turn runs. */
const TELLS = 'claude';

interface Look {
  isWanted: boolean;
  isLast: boolean;
  done: Promise<void>;
}

interface Parts {
  readonly link: SessionLink;
  readonly log: SessionLog;
}

/**
 * Tells what others write into the transcripts of sessions, such as their users in terminals, as events of those sessions. How far it
 * was told is written down together with the events, so each is told once, by whichever hub. The transcript is the queue.
 */
export class Mirror {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  /** Of each session the look that is under way, and whether another is wanted after it. */
  readonly #looks = new Map<string, Look>();
  /** How far transcripts were, and since when, of turns whose end is not known. */
  readonly #quiet = new Map<string, { after: string | null; since: number }>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Settles when what stands in its transcript is told as far as it is to be, for one that was never looked at. */
  async begin(session: AgentSessionRecord): Promise<void> {
    if (!isFollowed(session)) return;
    if ((await this.#foundation.store.presence.position(session.id)) === undefined) await this.looked(session.id);
  }

  /** Something may have been written there, or a turn may be over. */
  look(sessionId: string): void {
    this.#foundation.background.run('follow a transcript', () => this.looked(sessionId));
  }

  /** Settles when all that was written before is told. With `isLast` nobody has it open any more, so that its turn is over. */
  async looked(sessionId: string, { isLast = false } = {}): Promise<void> {
    const running = this.#looks.get(sessionId);
    if (running !== undefined) {
      running.isWanted = true;
      running.isLast ||= isLast;
      return await running.done;
    }
    const look = { isWanted: true, isLast, done: Promise.resolve() };
    this.#looks.set(sessionId, look);
    look.done = this.#again(sessionId, look);
    await look.done;
  }

  async #again(sessionId: string, look: Look): Promise<void> {
    try {
      while (look.isWanted) {
        look.isWanted = false;
        await this.#read(sessionId, look);
      }
    } catch (error) {
      // A worker that does not answer now is asked at the next sign or sweep.
      if (!(error instanceof AppError || error instanceof NotHere)) throw error;
      this.#foundation.log.debug({ err: error, session: sessionId }, 'a transcript could not be followed');
    } finally {
      this.#looks.delete(sessionId);
    }
  }

  async #read(sessionId: string, { isLast }: Look): Promise<void> {
    const { store } = this.#foundation;
    while (true) {
      const session = await store.sessions.get(sessionId);
      const from = await store.presence.position(sessionId);
      if (session === undefined || !isFollowed(session)) return;
      const { found, open } = await this.#ask(session, { from, isLast });
      if (found === null) return;
      const { events, standing } = eventsOfWritten(found.written, {
        sessionId,
        standing: from ?? { turn: null, isSaid: false },
      });
      const to = { after: found.after, ...standing };
      if (to.turn !== null && !found.hasMore && (isLast || this.#isOver(session, { to, open }))) {
        events.push(idleOf(to.turn, to.isSaid ? 'completed' : 'aborted'));
        to.turn = null;
      }
      if (events.length === 0 && from !== undefined && from.after === to.after) return;
      if (!(await store.presence.advance(session, { from, to, events }))) return;
      if (events.length > 0) await this.#parts.log.wake(sessionId);
      if (!found.hasMore) return;
    }
  }

  #ask(
    { worker, agent, agentSessionId, ...session }: AgentSessionRecord,
    { from, isLast }: { from: MirrorPosition | undefined; isLast: boolean },
  ): Promise<{ found: WrittenSince | null; open: OpenSession | null }> {
    const request = {
      agent,
      id: agentSessionId ?? session.id,
      after: from?.after ?? null,
      notBefore: notBefore(session),
      limit: PAGE,
      isLast,
    };
    return this.#parts.link.ask(worker, 'history.since', request, { timeoutMs: ASK_TIMEOUT_MS });
  }

  /** Whether nothing more will come of the turn, as far as anybody tells. */
  #isOver({ id, agent }: AgentSessionRecord, now: { to: MirrorPosition; open: OpenSession | null }): boolean {
    const { after, isSaid } = now.to;
    if (now.open !== null && now.open.status !== 'idle') {
      this.#quiet.delete(id);
      return false;
    }
    const isTold = agent === TELLS && now.open !== null && isSaid;
    const quiet = this.#quiet.get(id);
    const isQuiet = quiet?.after === after && performance.now() - quiet.since >= QUIET_MS;
    if (isTold || isQuiet) {
      this.#quiet.delete(id);
      return true;
    }
    if (quiet?.after !== after) {
      this.#quiet.set(id, { after, since: performance.now() });
      this.#foundation.background.run('wait for the end of a turn', async () => {
        if (await this.#foundation.background.pause(QUIET_MS)) await this.looked(id);
      });
    }
    return false;
  }
}

/** What is driven here is told by its driver; what runs inside a workspace has its transcript there. */
const isFollowed = (session: AgentSessionRecord): boolean =>
  !isLive(session) && session.agentSessionId !== null && session.workspaceId === null;

/**
 * What is older was told when it was driven here, or is a copy from another session. Null for one that never was ours: its newest turn
 * is told as well.
 */
function notBefore({
  lastMessageAt,
  metadata,
  createdAt,
}: Pick<AgentSessionRecord, 'lastMessageAt' | 'metadata' | 'createdAt'>): number | null {
  if (lastMessageAt !== null) return lastMessageAt;
  return metadata[ADOPTED] === true ? null : createdAt;
}
