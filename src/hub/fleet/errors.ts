import { AppError, type ErrorDetails } from '../../errors/app-error.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { UpstreamFailure } from '../../providers/http/failures.ts';
import type { Agent, AgentCapability, ProviderName } from '../../providers/provider.ts';

const VARIABLES: Readonly<Record<ProviderName, readonly string[]>> = {
  coder: ['CODER_URL', 'CODER_SESSION_TOKEN'],
  codegen: ['CODEGEN_API_TOKEN', 'CODEGEN_ORG_ID'],
  local: ['BOXSWAIN_SESSIONS_ROOTS'],
};

export const providerNotConfigured = (provider: ProviderName): AppError =>
  new AppError('PROVIDER_NOT_CONFIGURED', `Provider ${provider} is not configured`, {
    hint: `set ${VARIABLES[provider].join(' and ')}`,
    details: { provider, variables: [...VARIABLES[provider]] },
  });

export const agentNotFound = ({ user, id }: { user: string; id: string }): AppError =>
  new AppError('AGENT_NOT_FOUND', `Agent not found: ${id}`, { details: { user, agent_id: id } });

/** Of a workspace of no provider; those of providers are worded by these. */
export const workspaceNotThere = (id: string): AppError =>
  new AppError('WORKSPACE_NOT_FOUND', `Workspace not found: ${id}`, {
    hint: 'call list_all_agents to see the workspaces of agents',
    details: { workspace_id: id },
  });

export const agentOffline = ({ id, status, updatedAt }: Pick<Agent, 'id' | 'status' | 'updatedAt'>): AppError =>
  new AppError(
    'AGENT_OFFLINE',
    `Agent ${id} is ${status === 'error' ? 'failed' : status}${updatedAt === null ? '' : ` since ${updatedAt}`}`,
    { details: { agent_id: id, status } },
  );

export const agentBusy = ({ id, status }: Pick<Agent, 'id' | 'status'>): AppError =>
  new AppError('AGENT_BUSY', `Agent ${id} is busy`, { details: { agent_id: id, status } });

export const agentPaused = ({ id, status }: Pick<Agent, 'id' | 'status'>): AppError =>
  new AppError('AGENT_NOT_READY', `Agent ${id} is paused`, {
    hint: 'use when_paused: resume',
    details: { agent_id: id, status },
  });

export const cannot = (agent: Pick<Agent, 'id' | 'provider' | 'capabilities'>, what: AgentCapability): AppError =>
  new AppError('CAPABILITY_UNSUPPORTED', `Agent ${agent.id} of ${agent.provider} cannot ${what.replaceAll('_', ' ')}`, {
    hint: 'details.capabilities tells what may be asked of it now',
    details: { agent_id: agent.id, provider: agent.provider, capabilities: [...agent.capabilities] },
  });

/** Whether the provider has done it is not known: a repeat must not do it again. */
export const uncertain = (
  code: ErrorCode,
  message: string,
  { details, cause }: { details?: ErrorDetails; cause?: unknown } = {},
): UpstreamFailure =>
  new UpstreamFailure({ code, message, ...(details && { details }) }, { outcome: 'unknown', cause });

export const badField = (field: string, message: string, details: Record<string, unknown> = {}): AppError =>
  new AppError('VALIDATION_ERROR', message, { details: { field, ...details } });
