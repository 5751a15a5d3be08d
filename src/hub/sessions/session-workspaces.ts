import { AppError } from '../../errors/app-error.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { Activity } from '../activity.ts';
import type { Catalog } from '../catalog.ts';
import type { Hold, Holders } from '../holders.ts';

/** The box may have to be made first, or its files brought from a checkpoint. */
const REACH_TIMEOUT_MS = 60_000;
/** Of a workspace's id, so that the same folder of two workspaces is not one project. */
const SLUG_END = 8;

interface Parts {
  readonly activity: Activity;
  readonly catalog: Catalog;
  readonly holders: Holders;
}

/** Where the agent of a session inside a workspace runs: wherever that workspace is now. */
export interface Lodged {
  readonly worker: string;
  readonly hold: Hold;
  readonly cwd: string;
  readonly slug: string;
}

/** The workspaces that sessions with agents live in. */
export class SessionWorkspaces {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Finds the workspace, which is given to another worker when its own is lost, and asks there for the agent and the folder. Throws
   * WORKSPACE_NOT_FOUND for one that is not the caller's, AGENT_UNAVAILABLE, INVALID_CWD, and like `Holders.ask`.
   */
  async reach({ workspaceId, caller, agent, cwd, worker: wanted }: Place): Promise<Lodged> {
    const { activity, catalog, holders } = this.#parts;
    const record = await catalog.get(workspaceId, caller);
    activity.touch(workspaceId);
    const options = { timeoutMs: REACH_TIMEOUT_MS };
    const found = await holders.ask(record, 'session.check', hold => ({ agent, cwd, workspace: hold }), options);
    const { worker, epoch } = catalog.latest(record);
    if (wanted !== undefined && wanted !== worker)
      throw new AppError('VALIDATION_ERROR', `worker_id is ${wanted}, and the workspace is on ${worker}`, {
        hint: 'leave worker_id out: the session runs where its workspace is',
      });
    const slug = `${found.slug}~${workspaceId.slice(-SLUG_END)}`;
    return { worker, hold: { workspaceId, epoch }, cwd: found.cwd, slug };
  }

  /** Where a session that lives in a workspace is to run; undefined for any other. */
  async of(session: AgentSessionRecord): Promise<Lodged | undefined> {
    const { workspaceId, caller, agent, cwd } = session;
    return workspaceId === null ? undefined : await this.reach({ workspaceId, caller, agent, cwd });
  }

  /** What happens in a session counts as use of its workspace. */
  used({ workspaceId }: AgentSessionRecord): void {
    if (workspaceId !== null) this.#parts.activity.touch(workspaceId);
  }
}

interface Place {
  readonly workspaceId: string;
  readonly caller: string;
  readonly agent: string;
  /** Relative to the workspace. */
  readonly cwd: string;
  /** On which the workspace has to be. */
  readonly worker?: string;
}

/** The transcript of such a session lies in its workspace, where only an agent could copy it. */
export function refuseInWorkspace({ id, workspaceId }: AgentSessionRecord, feature: string): void {
  if (workspaceId === null) return;
  throw new AppError(
    'CAPABILITY_UNSUPPORTED',
    `Session ${id} runs inside a workspace, which does not support ${feature}`,
    {
      hint: 'create another session in the workspace, or copy the workspace with workspace_fork',
    },
  );
}
