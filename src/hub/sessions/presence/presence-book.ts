import { z } from 'zod';
import type { OpenSession } from '../../../protocol/presence.ts';
import type { AgentSessionRecord } from '../../../store/agents/rows.ts';
import type { Store } from '../../../store/store.ts';
import type { WorkerBook } from '../../workers.ts';

/** A session as its user has it open. */
export const openInSchema = z.object({
  kind: z.literal('terminal'),
  pid: z.number(),
  status: z.enum(['idle', 'busy', 'waiting']),
  /** Epoch milliseconds. */
  since: z.number(),
});
export type OpenIn = z.output<typeof openInSchema>;

export const openInOf = ({ pid, status, since }: OpenSession): OpenIn => ({ kind: 'terminal', pid, status, since });

/** What workers told last; of those that are gone nobody knows anything. */
export class PresenceBook {
  readonly #store: Store;
  readonly #workers: WorkerBook;

  constructor(store: Store, workers: WorkerBook) {
    this.#store = store;
    this.#workers = workers;
  }

  /** Of each live worker that has told, its sessions by the ids that their agents give them. */
  async byWorker(): Promise<Map<string, Map<string, OpenSession>>> {
    const [live, all] = await Promise.all([this.#workers.live(), this.#store.presence.all()]);
    const known = new Set(live.map(({ id }) => id));
    const told = all.filter(({ worker }) => known.has(worker));
    return new Map(told.map(({ worker, open }) => [worker, new Map(open.map(one => [one.agentSessionId, one]))]));
  }

  async find(worker: string, agentSessionId: string): Promise<OpenIn | undefined> {
    const told = await this.#store.presence.ofLive(worker);
    const open = told?.find(one => one.agentSessionId === agentSessionId);
    return open && openInOf(open);
  }

  /** Agents inside workspaces are in nobody's terminal. */
  async ofSession(session: AgentSessionRecord): Promise<OpenIn | undefined> {
    const { worker, agentSessionId, workspaceId } = session;
    return agentSessionId === null || workspaceId !== null ? undefined : await this.find(worker, agentSessionId);
  }
}
