import type { AgentSessionRecord, TurnRecord } from '../../store/agents/rows.ts';
import type { Foundation } from '../foundation.ts';
import type { WorkerBook } from '../workers.ts';
import { type Driving, isLive } from './drive.ts';
import type { SessionLog } from './session-log.ts';
import { isInTerminal } from './terminals/stop-prompts.ts';

interface Parts {
  readonly driving: Driving;
  readonly log: SessionLog;
  readonly workers: WorkerBook;
}

/**
 * What is left when a worker or a hub is lost: sessions say so and can be gone on with, and a prompt whose agent had it is reported
 * as interrupted, never given to an agent again.
 */
export class SessionRecovery {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  /** Turns that their agents surely have: their end will be told. */
  readonly #given = new Set<string>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    parts.workers.onChange(({ id }, change) => {
      const how = change === 'joined' ? 'joined' : 'gone';
      background.run('end sessions of a lost worker', () => this.#endAllOf(id, how));
    });
    background.every(timing.sweepMs, 'look after sessions', () => this.#sweep());
  }

  /** One that joins has forgotten what an earlier process of it was driving, but not what it was asked to since. */
  async #endAllOf(worker: string, joined: 'joined' | 'gone'): Promise<void> {
    const { store } = this.#foundation;
    const row = joined === 'joined' ? (await this.#parts.workers.live()).find(({ id }) => id === worker) : undefined;
    for (const session of await store.sessions.live(worker))
      if (row === undefined || session.updatedAt < row.joinedAt) await this.#end(session);
  }

  async #end(session: AgentSessionRecord): Promise<void> {
    const { store } = this.#foundation;
    const { id, epoch, worker } = session;
    // Raises the epoch: whatever its last driver still has to say comes too late.
    const ended = await store.sessions.claim(id, { epoch }, { worker });
    if (ended === undefined) return;
    const statusReason = 'the worker that drove it is gone';
    await this.#parts.log.append(
      id,
      [{ type: 'session.updated', body: { session: { id, status: 'failed', statusReason } } }],
      // What its agent wrote until now was told as far as it was known: nobody else wrote it.
      { status: 'failed', statusReason, lastMessageAt: await store.now() },
    );
    await this.#expirePermissions(session);
    for (const turn of await store.turns.open(id)) if (turn.state === 'running') await this.#interrupt(turn);
    this.#parts.driving.advance(id);
  }

  async #expirePermissions({ id: sessionId, caller }: AgentSessionRecord): Promise<void> {
    const { permissions } = this.#foundation.store;
    const { rows } = await permissions.list({ caller, sessionId, pendingOnly: true, limit: 200 });
    for (const { id: requestId } of rows) {
      const outcome = await permissions.resolve(requestId, { state: 'expired', answer: null });
      if (outcome?.isFirst !== true) continue;
      await permissions.delivered(requestId);
      const body = { requestId, state: 'expired', by: 'agent' };
      await this.#parts.log.append(sessionId, [{ type: 'permission_resolved', body }]);
    }
  }

  async #interrupt({ id, sessionId }: TurnRecord): Promise<void> {
    const error = 'the agent had this prompt when its worker was lost; how far it came is not known';
    const result = { outcome: 'interrupted', error };
    if (!(await this.#foundation.store.turns.end({ id, state: 'interrupted', result }))) return;
    await this.#parts.log.append(sessionId, [
      { type: 'session.error', body: { error, code: 'SESSION_FAILED' } },
      { type: 'session.idle', body: { turnId: id, result } },
    ]);
  }

  /** Prompts that wait although nothing runs, because the hub that was about to give them is gone; and turns without an agent. */
  async #sweep(): Promise<void> {
    const { store } = this.#foundation;
    for (const turn of await store.turns.expire()) await this.#tellExpired(turn);
    const open = await store.turns.open();
    for (const id of this.#given) if (!open.some(turn => turn.id === id)) this.#given.delete(id);
    for (const id of new Set(open.map(({ sessionId }) => sessionId))) {
      const running = open.find(turn => turn.sessionId === id && turn.state === 'running');
      if (running === undefined) this.#parts.driving.advance(id);
      else if (!isInTerminal(running)) await this.#checkRunning(running);
    }
  }

  /** A turn whose session is not live, or was started anew since, has lost its agent. */
  async #checkRunning(turn: TurnRecord): Promise<void> {
    const session = await this.#foundation.store.sessions.get(turn.sessionId);
    if (session === undefined) return;
    if (isLive(session) && session.epoch === turn.epoch) {
      if (this.#given.has(turn.id)) return;
      const outcome = await this.#parts.driving.giveAgain(session, turn);
      if (outcome === 'given') this.#given.add(turn.id);
      if (outcome !== 'gone') return;
    }
    await this.#interrupt(turn);
    this.#parts.driving.advance(turn.sessionId);
  }

  async #tellExpired({ id: turnId, sessionId }: TurnRecord): Promise<void> {
    const result = { outcome: 'expired', error: 'its session was open in a terminal all the time that it might wait' };
    await this.#parts.log.append(sessionId, [
      { type: 'prompt.expired', body: { turnId } },
      { type: 'session.idle', body: { turnId, result } },
    ]);
  }
}
