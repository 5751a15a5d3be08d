import { AppError } from '../../errors/app-error.ts';
import type { WorkerRequest } from '../../protocol/messages.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { Activity } from '../activity.ts';
import type { Catalog } from '../catalog.ts';
import type { Hold, Holders } from '../holders.ts';
import type { Asker } from '../sharing/sharing.ts';

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
  async reach({ workspaceId, asker, agent, cwd, worker: wanted }: Place): Promise<Lodged> {
    const { activity, catalog, holders } = this.#parts;
    const record = await catalog.get(workspaceId, asker);
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
    const { workspaceId, agent, cwd } = session;
    return workspaceId === null ? undefined : await this.reach({ workspaceId, asker: lodger(session), agent, cwd });
  }

  /**
   * Copies a session of an agent that lives in a workspace, there, and says where that was; undefined for any other. Throws like
   * `reach`, and what the agent's driver throws.
   */
  async fork(
    session: AgentSessionRecord,
    copy: Omit<WorkerRequest<'session.fork'>, 'workspace'>,
  ): Promise<{ agentSessionId: string; worker: string } | undefined> {
    const { workspaceId } = session;
    if (workspaceId === null) return undefined;
    const { activity, catalog, holders } = this.#parts;
    const record = await catalog.get(workspaceId, lodger(session));
    activity.touch(workspaceId);
    const options = { timeoutMs: REACH_TIMEOUT_MS };
    const forked = await holders.ask(record, 'session.fork', hold => ({ ...copy, workspace: hold }), options);
    return { ...forked, worker: catalog.latest(record).worker };
  }

  /** What happens in a session counts as use of its workspace. */
  used({ workspaceId }: Pick<AgentSessionRecord, 'workspaceId'>): void {
    if (workspaceId !== null) this.#parts.activity.touch(workspaceId);
  }
}

interface Place {
  readonly workspaceId: string;
  readonly asker: Asker;
  readonly agent: string;
  /** Relative to the workspace. */
  readonly cwd: string;
  /** On which the workspace has to be. */
  readonly worker?: string;
}

/** In the metadata of a session: the teams that its caller was in, for a workspace may be shared with one of them. */
const TEAMS = 'teams';

export const teamsAsMetadata = ({ teams }: Pick<Asker, 'teams'>): JsonObject =>
  teams.size === 0 ? {} : { [TEAMS]: [...teams] };

/** Whom a session acts for when nobody asks. */
function lodger({ caller: id, metadata }: AgentSessionRecord): Asker {
  const teams = metadata[TEAMS];
  return { id, teams: new Set(Array.isArray(teams) ? teams.map(String) : []) };
}
