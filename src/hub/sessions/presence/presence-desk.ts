import type { OpenSession } from '../../../protocol/presence.ts';
import type { AgentSessionRecord } from '../../../store/agents/rows.ts';
import type { Foundation } from '../../foundation.ts';
import type { WorkerBook } from '../../workers.ts';
import type { Driving } from '../drive.ts';
import type { SessionLog } from '../session-log.ts';
import type { TerminalDesk } from '../terminals/terminal-desk.ts';
import type { Mirror } from './mirror.ts';
import { openInOf, type PresenceBook } from './presence-book.ts';

/** Nobody drives these, so a terminal may have them. */
const FREE = ['parked', 'closed', 'failed'] as const;

interface Parts {
  readonly book: PresenceBook;
  readonly driving: Driving;
  readonly log: SessionLog;
  readonly mirror: Mirror;
  readonly terminals: Pick<TerminalDesk, 'closed' | 'noteStatus'>;
  readonly workers: WorkerBook;
}

/** Hears from workers what users do with sessions in their terminals, and lets records and prompts follow. */
export class PresenceDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    parts.workers.onChange((_worker, change) => {
      if (change !== 'joined') background.run('leave terminals of a lost worker', () => this.#sweep());
    });
    background.every(timing.sweepMs, 'look after terminals', () => this.#sweep());
  }

  /** All that is open on the worker's machine now. */
  async told(worker: string, open: readonly OpenSession[]): Promise<void> {
    const before = new Map((await this.#foundation.store.presence.put(worker, open)).map(one => [idOf(one), one]));
    const now = new Map(open.map(one => [idOf(one), one]));
    for (const [id, one] of now) {
      const { status } = one;
      if (before.get(id)?.status !== status) this.#parts.terminals.noteStatus({ agentSessionId: id, status });
    }
    const isOther = (one: OpenSession) => JSON.stringify(one) !== JSON.stringify(before.get(idOf(one)));
    const changed = new Set(open.filter(isOther).map(idOf));
    await this.#settle(worker, now, changed);
    for (const id of before.keys()) if (!now.has(id)) await this.#parts.terminals.closed(id);
  }

  /** Somebody else than this worker wrote into these. */
  async grew(worker: string, agentSessionIds: readonly string[]): Promise<void> {
    for (const { id } of await this.#foundation.store.presence.sessionsOf(worker, agentSessionIds))
      this.#parts.mirror.look(id);
  }

  /** A hook of a terminal told of the session: its worker looks what has changed, and what was said. */
  heard(agentSessionId: string): void {
    this.#foundation.background.run('look after a terminal that told of itself', async () => {
      for (const { id } of await this.#parts.workers.live()) await this.grew(id, [agentSessionId]);
    });
  }

  /** It is not driven any more: a terminal may have it already. */
  released(session: Pick<AgentSessionRecord, 'id'>): void {
    this.#foundation.background.run('see who has a session', async () => {
      const current = await this.#foundation.store.sessions.get(session.id);
      if (current !== undefined) await this.#follow(current, await this.#openOf(current), { isChanged: false });
    });
  }

  async #openOf({ worker, agentSessionId }: AgentSessionRecord): Promise<OpenSession | undefined> {
    return agentSessionId === null ? undefined : (await this.#parts.book.byWorker()).get(worker)?.get(agentSessionId);
  }

  async #settle(worker: string, open: ReadonlyMap<string, OpenSession>, changed: ReadonlySet<string>): Promise<void> {
    const { presence } = this.#foundation.store;
    const followed = (await presence.followed()).filter(session => session.worker === worker);
    const named = await presence.sessionsOf(worker, [...open.keys()]);
    const all = new Map([...followed, ...named].map(session => [session.id, session]));
    for (const session of all.values()) {
      const id = session.agentSessionId ?? '';
      await this.#follow(session, open.get(id), { isChanged: changed.has(id) });
    }
  }

  /** The record says what is so, and is told of. */
  async #follow(
    session: AgentSessionRecord,
    open: OpenSession | undefined,
    { isChanged }: { isChanged: boolean },
  ): Promise<void> {
    const { id, status, workspaceId } = session;
    const { presence } = this.#foundation.store;
    if (workspaceId !== null) return;
    if (open !== undefined && (status !== 'mirror' || isChanged)) {
      const event = {
        type: 'session.updated',
        body: { session: { id, status: 'mirror', openIn: { ...openInOf(open) } } },
      };
      const isSo = await presence.change(session, { from: [...FREE, 'mirror'], to: 'mirror', event });
      if (isSo) await this.#parts.log.wake(id);
    }
    if (open !== undefined || status !== 'mirror') {
      this.#parts.mirror.look(id);
      return;
    }
    const event = { type: 'session.updated', body: { session: { id, status: 'parked', openIn: null } } };
    if (!(await presence.change(session, { from: ['mirror'], to: 'parked', event }))) return;
    await this.#parts.log.wake(id);
    this.#foundation.background.run('leave a terminal', async () => {
      // Whatever is driven from now on comes after what was said there.
      await this.#parts.mirror.looked(id, { isLast: true });
      await this.release(session);
    });
  }

  /** What was told to a hub that is gone since, and what nobody can tell any more because its worker is gone. */
  async #sweep(): Promise<void> {
    const { presence, sessions, turns } = this.#foundation.store;
    const open = await this.#parts.book.byWorker();
    for (const [worker, here] of open) await this.#settle(worker, here, new Set());
    for (const session of await presence.followed())
      if (!open.has(session.worker)) await this.#follow(session, undefined, { isChanged: false });
    const waiting = (await turns.open()).filter(({ state }) => state === 'waiting');
    for (const id of new Set(waiting.map(({ sessionId }) => sessionId))) {
      const session = await sessions.get(id);
      if (session !== undefined) await this.release(session);
    }
  }

  /** Prompts that wait for a terminal go to the agent once no terminal has the session. */
  async release(session: AgentSessionRecord): Promise<void> {
    const told = (await this.#parts.book.byWorker()).get(session.worker);
    // Of a worker that is gone nobody knows who has what.
    if (told === undefined || told.has(session.agentSessionId ?? '')) return;
    if ((await this.#foundation.store.turns.release(session.id)) > 0) this.#parts.driving.advance(session.id);
  }
}

const idOf = ({ agentSessionId }: OpenSession): string => agentSessionId;
