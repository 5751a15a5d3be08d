import type { Caller } from '../../auth/caller.ts';
import type { WhoseHistory } from '../../protocol/history.ts';
import type { AgentSessionStore } from '../../store/agents/store.ts';
import { MACHINE_USER, type Sharing } from '../sharing/sharing.ts';

/**
 * Which transcripts a caller sees. Those on the workers are of the user of this installation, except for sessions that were driven here
 * for somebody else: these are whoever's they were driven for, and nobody else's.
 */
export class VisibleHistory {
  readonly #sessions: AgentSessionStore;
  readonly #sharing: Sharing;

  constructor(sessions: AgentSessionStore, sharing: Sharing) {
    this.#sessions = sessions;
    this.#sharing = sharing;
  }

  /** Sees transcripts that no record tells of. */
  isWhole(caller: Caller): Promise<boolean> {
    return this.#sharing.mayUseHistory(caller);
  }

  /** As a question to workers says it. */
  async of(caller: Caller): Promise<WhoseHistory> {
    if (!(await this.isWhole(caller))) return { ids: await this.#sessions.agentIds({ caller: caller.id }) };
    const others = await this.#sessions.agentIds({ caller: MACHINE_USER, others: true });
    if (others.length === 0) return {};
    const own = caller.id === MACHINE_USER ? [] : await this.#sessions.agentIds({ caller: caller.id });
    const isOwn = new Set(own);
    return { notIds: others.filter(id => !isOwn.has(id)) };
  }

  /** Whether a transcript, by its agent's own id, is of a session that was driven for somebody else. */
  async isOfOthers(agentSessionId: string, caller: Pick<Caller, 'id'>): Promise<boolean> {
    const among = [agentSessionId];
    const others = await this.#sessions.agentIds({ caller: MACHINE_USER, others: true, among });
    if (others.length === 0) return false;
    return (await this.#sessions.agentIds({ caller: caller.id, among })).length === 0;
  }
}
