import type { Agent, AgentCapability, AgentLogEntry, AgentStatus } from '../provider.ts';
import type { CodegenLog, CodegenRun } from './codegen-client.ts';
import { runStateOf } from './run-state.ts';

export const runCapabilities = ['logs', 'send_input'] as const satisfies readonly AgentCapability[];

/** A word that is not known tells nothing, so such a run is as good as out of reach. */
export function agentStatusOf(status: string | null): AgentStatus {
  const word = status?.toUpperCase() ?? '';
  if (word === 'PENDING') return 'running';
  if (['ACTIVE', 'RUNNING', 'EVALUATION'].includes(word)) return 'busy';
  const state = runStateOf(status);
  if (state === 'completed') return 'idle';
  if (state === 'failed') return 'error';
  return state === 'cancelled' ? 'stopped' : 'offline';
}

/** A run as an agent. The service tells neither owner nor prompt, nor when a run last changed. */
export function agentOf(run: CodegenRun): Agent {
  const status = agentStatusOf(run.status);
  const takesInput = status === 'idle' || status === 'busy' || status === 'running';
  return {
    provider: 'codegen',
    id: String(run.id),
    user: OWNER,
    workspaceId: null,
    workspaceName: repoOf(run),
    name: null,
    status,
    createdAt: run.createdAt,
    updatedAt: null,
    lastActivityAt: null,
    capabilities: takesInput ? runCapabilities : ['logs'],
    labels: [],
    initialPrompt: null,
    connected: status === 'busy' || status === 'running',
    metadata: {
      ...run.further,
      ...run.metadata,
      provider_status: run.status,
      state_message: run.summary ?? run.result,
      source_type: run.sourceType,
      pull_requests: pullRequestsOf(run),
    },
    url: run.webUrl,
  };
}

/** The pull requests of a run under the names that callers know. */
export const pullRequestsOf = ({ pullRequests }: CodegenRun) =>
  pullRequests.map(({ headBranchName: head_branch_name, ...request }) => ({ ...request, head_branch_name }));

/** All runs belong to the organization of the token. */
const OWNER = 'me';

/** What the run was given, else the repository of its pull request. */
function repoOf({ metadata, pullRequests }: CodegenRun): string | null {
  if (typeof metadata.repo === 'string' && metadata.repo !== '') return metadata.repo;
  return (
    pullRequests.map(({ url }) => /^https?:\/\/[^/]+\/([^/]+\/[^/]+)\/pull\//.exec(url ?? '')?.[1]).find(Boolean) ??
    null
  );
}

/** Entries in their order. One without a time is shown at that of the entry before it. */
export function entriesOf(run: Pick<CodegenRun, 'id' | 'createdAt'>, logs: readonly CodegenLog[]): AgentLogEntry[] {
  let timestamp = run.createdAt ?? new Date(0).toISOString();
  return logs.map(log => {
    const { agent_run_id: _, created_at: at, thought, observation, ...rest } = log;
    timestamp = at !== null && !Number.isNaN(Date.parse(at)) ? at : timestamp;
    return {
      timestamp,
      level: /ERROR|FAIL/i.test(log.message_type ?? '') ? 'error' : 'info',
      message: thought ?? textOf(observation) ?? log.tool_name ?? log.message_type ?? '',
      agentId: String(run.id),
      taskId: null,
      metadata: { ...rest, created_at: at, observation },
    };
  });
}

function textOf(observation: unknown): string | undefined {
  if (observation === null || observation === undefined) return undefined;
  return typeof observation === 'string' ? observation : JSON.stringify(observation);
}
