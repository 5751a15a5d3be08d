import type { AgentCapability, AgentStatus } from '../provider.ts';

/** What Coder tells of a task that its status follows from; null where it tells nothing. */
export interface TaskFacts {
  readonly status: string;
  /** State that the agent reported of itself. */
  readonly state: string | null;
  readonly workspaceStatus: string | null;
  readonly lifecycle: string | null;
  readonly healthy: boolean | null;
  readonly hasAgent: boolean;
  readonly hasWorkspace: boolean;
}

const GONE: ReadonlySet<string | null> = new Set(['deleting', 'deleted']);
const ENDED: ReadonlySet<string | null> = new Set(['stopped', 'stopping', 'canceling', 'canceled', ...GONE]);
const SHUT: ReadonlySet<string | null> = new Set(['off', 'shutting_down', 'shutdown_timeout', 'shutdown_error']);
const STARTING: ReadonlySet<string | null> = new Set(['pending', 'initializing', 'starting']);
const UP: ReadonlySet<string | null> = new Set(['active', 'running']);
/** `start_timeout`: its start script is slow, but the agent can be used. */
const USABLE: ReadonlySet<string | null> = new Set(['ready', 'start_timeout']);

/**
 * Status of a task, the first rule that fits. Older servers give a workspace's status as that of the task, so both kinds of words
 * are known in either place. A word that nobody knows is `offline`.
 */
export function statusOfTask(facts: TaskFacts): AgentStatus {
  const { status, state, workspaceStatus, lifecycle, healthy, hasAgent } = facts;
  if (status === 'error' || status === 'failed' || workspaceStatus === 'failed' || lifecycle === 'start_error')
    return 'error';
  if (status === 'paused' || ENDED.has(status) || ENDED.has(workspaceStatus)) return 'stopped';
  if (SHUT.has(lifecycle)) return 'stopped';
  if (isStarting(facts)) return 'running';
  if (healthy === false || status === 'unknown' || (UP.has(status) && !hasAgent)) return 'offline';
  if (state === 'working') return 'busy';
  if (state === 'idle' || state === 'complete') return 'idle';
  if (state === 'failed') return 'error';
  return UP.has(status) && state === null ? 'running' : 'offline';
}

/** Whether its agent can be spoken to: healthy, and past its start. */
export const isConnected = ({ healthy, lifecycle }: Pick<TaskFacts, 'healthy' | 'lifecycle'>): boolean =>
  healthy === true && USABLE.has(lifecycle);

/** Whether a task that is running is on its way up still. */
export function isStarting({ status, workspaceStatus, lifecycle }: TaskFacts): boolean {
  const isWorkspaceStarting = workspaceStatus === 'pending' || workspaceStatus === 'starting';
  return STARTING.has(status) || isWorkspaceStarting || lifecycle === 'created' || lifecycle === 'starting';
}

/** What may be asked of a task as it is. */
export function capabilitiesOfTask(facts: TaskFacts): AgentCapability[] {
  const status = statusOfTask(facts);
  const isThere = facts.hasWorkspace && !GONE.has(facts.status) && !GONE.has(facts.workspaceStatus);
  const isUp = status === 'running' || status === 'idle' || status === 'busy';
  const isPaused = status === 'stopped' && isThere;
  const can: Partial<Record<AgentCapability, boolean>> = {
    logs: status !== 'running' || !isStarting(facts),
    send_input: isUp || isPaused,
    delete: isThere,
    pause: isUp && isThere,
    resume: isPaused,
  };
  return taskCapabilities.filter(capability => can[capability] === true);
}

/** All that tasks can ever do; no server lets them be interrupted. */
export const taskCapabilities: readonly AgentCapability[] = ['logs', 'send_input', 'delete', 'pause', 'resume'];
