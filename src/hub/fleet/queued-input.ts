import { z } from 'zod';
import { type Agent, type AgentRef, providerNames } from '../../providers/provider.ts';
import type { TaskRecord } from '../../store/rows.ts';
import { toJsonObject } from '../json.ts';

export const FLEET = 'fleet';
export const SEND = 'send_input_to_agent';
export const CREATE = 'create_new_agent_task';

const jobSchema = z.object({
  provider: z.enum(providerNames),
  user: z.string(),
  agentId: z.string(),
  /** Of the agent, so that what waits for it goes with it. */
  workspaceId: z.string().nullable(),
  text: z.string(),
  whenPaused: z.enum(['resume', 'error']),
});
export type InputJob = z.output<typeof jobSchema>;

/** Input that waits for its agent, as its task holds it. */
export interface QueuedInput {
  readonly task: TaskRecord;
  readonly job: InputJob;
}

/** Undefined for any other task. */
export function queuedInput(task: TaskRecord): QueuedInput | undefined {
  if (task.toolset !== FLEET || task.operation !== SEND) return undefined;
  const job = jobSchema.safeParse(task.job).data;
  return job && { task, job };
}

export const jobOf = (
  agent: Agent,
  { ref, text, whenPaused }: { ref: AgentRef; text: string; whenPaused: InputJob['whenPaused'] },
): InputJob => ({
  provider: agent.provider,
  user: ref.user,
  agentId: agent.id,
  workspaceId: agent.workspaceId,
  text,
  whenPaused,
});

/** The agents that the same input would go to. */
export const targetOf = ({ provider, agentId }: Pick<InputJob, 'provider' | 'agentId'>): string =>
  `${provider}:${agentId}`;

/** The row of a task of the fleet, which no worker has. */
export const fleetTask = (
  id: string,
  { caller, operation, job }: { caller: string; operation: string; job: object },
): Omit<TaskRecord, 'createdAt'> => ({
  id,
  caller,
  toolset: FLEET,
  operation,
  workspaceId: null,
  status: 'queued',
  sequence: null,
  worker: null,
  epoch: null,
  job: toJsonObject(job),
  progress: null,
  result: null,
  error: null,
  attempts: 0,
  startedAt: null,
  completedAt: null,
});
