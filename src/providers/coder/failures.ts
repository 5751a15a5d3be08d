import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import {
  type Explanation,
  type FailedAnswer,
  type ServiceNames,
  type StatusTable,
  UpstreamFailure,
} from '../http/failures.ts';
import type { AgentRef } from '../provider.ts';

const validationsSchema = z.object({
  validations: z.array(z.object({ field: z.string(), detail: z.string() })).min(1),
});

/** A request that Coder finds wrong, with the fields that it names. */
function invalid({ message, body, status }: FailedAnswer): Explanation {
  const read = validationsSchema.safeParse(body);
  const fields = read.success
    ? { fields: Object.fromEntries(read.data.validations.map(({ field, detail }) => [field, detail])) }
    : {};
  return {
    code: 'VALIDATION_ERROR',
    message: `Invalid request: ${message}`,
    details: { status_code: status, ...fields },
  };
}

const notReady = ({ message, status }: FailedAnswer): Explanation => ({
  code: 'AGENT_NOT_READY',
  message: `Coder is not ready for this: ${message}`,
  details: { status_code: status },
});

export const coderService: ServiceNames = {
  provider: 'coder',
  title: 'Coder',
  apiError: 'CODER_API_ERROR',
  tokenVariable: 'CODER_SESSION_TOKEN',
  permissionHint: 'its owner may not do this in Coder: ask for the permission, or use the token of somebody who has it',
  byStatus: { 400: invalid, 409: notReady, 422: invalid },
};

/** An id that is no UUID is an unknown one. */
const isNoUuid = ({ message }: FailedAnswer): boolean => /invalid uuid/i.test(message);

/** Failures of requests about one agent. */
export function aboutAgent(agent: AgentRef): StatusTable {
  const unknown = (): Explanation => ({
    code: 'AGENT_NOT_FOUND',
    message: `Agent not found: ${agent.id}`,
    details: { user: agent.user, agent_id: agent.id },
  });
  return {
    400: answer => (isNoUuid(answer) ? unknown() : invalid(answer)),
    404: unknown,
    409: answer => ({ ...notReady(answer), message: `Agent ${agent.id} is not ready: ${answer.message}` }),
  };
}

export const agentNotFound = ({ user, id }: AgentRef): AppError =>
  new AppError('AGENT_NOT_FOUND', `Agent not found: ${id}`, { details: { user, agent_id: id } });

/** A name or id as one segment of a path. Those that would lead to another path name nothing. */
export function segment(text: string): string {
  if (text === '' || text === '.' || text === '..')
    throw new AppError('VALIDATION_ERROR', `"${text}" is neither a name nor an id`);
  return encodeURIComponent(text);
}

/** Failures of requests about one workspace. */
export function aboutWorkspace(workspaceId: string): StatusTable {
  const unknown = (): Explanation => ({
    code: 'WORKSPACE_NOT_FOUND',
    message: `Workspace not found: ${workspaceId}`,
    hint: 'call list_all_agents to see the workspaces of agents',
    details: { workspace_id: workspaceId },
  });
  return { 400: answer => (isNoUuid(answer) ? unknown() : invalid(answer)), 404: unknown, 410: unknown };
}

/** Failures of requests about what a user has. */
export const aboutUser = (user: string): StatusTable => ({
  404: () => ({
    code: 'VALIDATION_ERROR',
    message: `Invalid request: unknown user ${user}`,
    details: { field: 'user' },
  }),
});

/** Whether the server says that there is no such thing, or no such route. */
export const isNotThere = (error: unknown): error is UpstreamFailure =>
  error instanceof UpstreamFailure && error.status === 404;

/** Whether there is no such agent, its id being unknown or none at all. */
export const isUnknownAgent = (error: unknown): error is UpstreamFailure =>
  error instanceof UpstreamFailure && error.code === 'AGENT_NOT_FOUND';

/** Whether what was asked for may have been done all the same. */
export const mayBeDone = (error: unknown): error is UpstreamFailure =>
  error instanceof UpstreamFailure && error.outcome === 'unknown';
