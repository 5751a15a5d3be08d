import { randomUUID } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { AppError } from '../../../errors/app-error.ts';
import { permissionModeSchema } from '../../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../../store/agents/rows.ts';
import type { NewAgentSession } from '../../../store/agents/store.ts';
import type { Foundation } from '../../foundation.ts';
import type { WorkerBook } from '../../workers.ts';
import type { HistoryDesk } from '../history-desk.ts';
import { MACHINE_USER } from '../../sharing/sharing.ts';
import type { VisibleHistory } from '../visible-history.ts';
import { ADOPTED, adoptedRow } from '../session-finder.ts';
import type { Hook } from './hook.ts';

/** A transcript is found within 2 s of being written. */
const LOOK_MS = 250;
const MOST_LOOKS = 12;

interface Parts {
  readonly history: HistoryDesk;
  readonly visible: VisibleHistory;
  readonly workers: WorkerBook;
}

/** The records of sessions in terminals: each caller whose hooks tell of one has its own. */
export class TerminalRows {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Changes nothing. */
  async find(agentSessionId: string, caller: string): Promise<AgentSessionRecord | undefined> {
    const { sessions } = this.#foundation.store;
    const byId = await sessions.get(agentSessionId);
    if (byId?.caller === caller) return byId;
    const [byAgent] = await sessions.byAgentSession(caller, [agentSessionId]);
    return byAgent;
  }

  /**
   * One that is not known yet becomes the caller's. Undefined for one that is another's, and while no worker is there that it could be on.
   */
  async take(hook: Hook, caller: string): Promise<AgentSessionRecord | undefined> {
    const known = await this.find(hook.sessionId, caller);
    if (known !== undefined) return known;
    if (await this.#isAnothers(hook.sessionId, caller)) return undefined;
    const row = await this.#rowFor(hook, caller);
    if (row === undefined) return undefined;
    const { sessions } = this.#foundation.store;
    const taken = await sessions.insert(row);
    // Another caller directs it too, and has the id that is the agent's own.
    return taken.caller === caller ? taken : await sessions.insert({ ...row, id: randomUUID() });
  }

  /** A hook says whatever its sender likes: it takes no session that was driven for others, and no transcript of the machine's user. */
  async #isAnothers(agentSessionId: string, caller: string): Promise<boolean> {
    if (await this.#parts.visible.isOfOthers(agentSessionId, { id: caller })) return true;
    return caller !== MACHINE_USER && (await this.#past(agentSessionId)) !== undefined;
  }

  async #rowFor(hook: Hook, caller: string): Promise<NewAgentSession | undefined> {
    const workers = (await this.#parts.workers.live()).map(({ id }) => id);
    const [first] = workers;
    if (first === undefined) return undefined;
    for (let looks = 0; workers.length > 1 && looks < MOST_LOOKS; looks += 1) {
      const past = await this.#past(hook.sessionId);
      if (past !== undefined) return adoptedRow(past.found.session, { caller, worker: past.workerId });
      if (!(await this.#foundation.background.pause(LOOK_MS))) return undefined;
    }
    return {
      ...{ id: hook.sessionId, caller, agent: 'claude', agentSessionId: hook.sessionId, worker: first },
      ...{ workspaceId: null, slug: basename(dirname(hook.transcriptPath)), cwd: hook.cwd, title: '', model: null },
      ...{ permissionMode: permissionModeSchema.catch('default').parse(hook.permissionMode), status: 'parked' },
      ...{ parentId: null, forkedFrom: null, atMessageId: null, usage: {}, messageCount: 0 },
      metadata: { [ADOPTED]: true },
    };
  }

  async #past(agentSessionId: string) {
    try {
      const request = { id: agentSessionId, limit: 1, maxPartChars: 1, include: 'main' } as const;
      return await this.#parts.history.messages(request);
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }
}
