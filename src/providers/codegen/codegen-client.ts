import { AppError } from '../../errors/app-error.ts';
import type { CircuitStatus } from '../http/circuit-breaker.ts';
import type { LimitRules, SharedLimits } from '../http/shared-limits.ts';
import { Upstream } from '../http/upstream.ts';
import { UpstreamFailure } from '../http/failures.ts';
import type { CodegenApi } from './api.gen.ts';
import { codegenService, runNotFound } from './failures.ts';
import { anything, logPage, repoPage, run, runPage, user } from './readers.ts';
import { RepoDirectory } from './repo-directory.ts';

export interface CodegenRun {
  readonly id: number;
  /** The service's own word; `runStateOf` reads it. */
  readonly status: string | null;
  /** ISO 8601 UTC with milliseconds. */
  readonly createdAt: string | null;
  readonly webUrl: string | null;
  readonly result: string | null;
  readonly summary: string | null;
  readonly sourceType: string | null;
  /** Empty where the service has none. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly pullRequests: readonly {
    readonly id: number;
    readonly title: string | null;
    readonly url: string | null;
    readonly headBranchName: string | null;
  }[];
  /** Fields that the API document does not know, as newer services may tell. */
  readonly further: Readonly<Record<string, unknown>>;
}

export interface CodegenRepo {
  readonly id: number;
  /** `owner/name`. */
  readonly fullName: string;
}

/** As the service gives it, with its own names. */
export interface CodegenLog {
  readonly agent_run_id: number;
  readonly created_at: string | null;
  readonly tool_name: string | null;
  readonly message_type: string | null;
  readonly thought: string | null;
  readonly observation: unknown;
  readonly tool_input: unknown;
  readonly tool_output: unknown;
}

export interface CodegenPage<Item> {
  readonly items: readonly Item[];
  readonly total: number;
  readonly page: number;
  readonly size: number;
  readonly pages: number;
}

export interface CodegenLogs {
  readonly logs: readonly CodegenLog[];
  readonly total: number | null;
  readonly page: number | null;
  readonly size: number | null;
  readonly pages: number | null;
}

export interface NewRun {
  readonly prompt: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly repoId?: number;
  readonly model?: string;
  readonly agentType?: 'codegen' | 'claude_code';
  /** Data URIs. */
  readonly images?: readonly string[];
}

interface Waiting {
  readonly signal: AbortSignal;
}

/**
 * The API of Codegen for one organization. Every failure is an AppError of the contract; `isOutcomeUnknown` tells of the calls that change
 * something whether they may have done so all the same. Requests stay within the service's rate limits: they wait for their place, at
 * most 30 s, then RATE_LIMITED.
 */
export interface CodegenClient {
  /** PLAN_LIMIT_REACHED when the organization has no runs left. Never sent twice. */
  createRun(input: NewRun, options: Waiting): Promise<CodegenRun>;
  /** The service resumes complete runs only. Never sent twice. */
  resumeRun(
    input: { readonly agentRunId: number; readonly prompt: string; readonly images?: readonly string[] },
    options: Waiting,
  ): Promise<CodegenRun>;
  /** Stops a run, and the others that work on its pull request. */
  stopRun(agentRunId: number, options: Waiting): Promise<void>;
  getRun(agentRunId: number, options: Waiting): Promise<CodegenRun>;
  /** Newest first, at most 100. */
  listRuns(
    query: { readonly skip: number; readonly limit: number; readonly userId?: number; readonly sourceType?: string },
    options: Waiting,
  ): Promise<CodegenPage<CodegenRun>>;
  getLogs(
    agentRunId: number,
    query: { readonly skip: number; readonly limit: number; readonly reverse: boolean },
    options: Waiting,
  ): Promise<CodegenLogs>;
  listRepos(
    query: { readonly skip: number; readonly limit: number },
    options: Waiting,
  ): Promise<CodegenPage<CodegenRepo>>;
  /** The repository of that name, in any case; or up to five names that are near. What is there is asked for every 10 minutes. */
  findRepo(
    fullName: string,
    options: Waiting,
  ): Promise<{ readonly repo?: CodegenRepo; readonly near: readonly string[] }>;
  /** Whose token it is. */
  getMe(options: Waiting): Promise<{ readonly id: number; readonly githubName: string }>;
  /** What is known of the way to the service, without asking it. */
  status(): CircuitStatus;
}

export interface CodegenCredentials {
  /** With or without `/v1` at the end. */
  readonly baseUrl: string;
  readonly orgId: string;
  readonly token: string;
}

export interface CodegenClientOptions {
  readonly shared: SharedLimits;
  readonly rules?: LimitRules;
  readonly timeoutMs?: number;
  /** The wait before the first repetition. */
  readonly firstRetryMs?: number;
  /** How long a request waits for its place in the rate budget. */
  readonly mostWaitMs?: number;
  readonly now?: () => number;
}

/** What the service documents, for each token. */
export const codegenRules: LimitRules = {
  windows: {
    requests: { requests: 60, perMs: 30_000 },
    creations: { requests: 10, perMs: 60_000 },
    logs: { requests: 60, perMs: 60_000 },
  },
  breaker: { failures: 5, openMs: 5_000 },
};

const RETRIES = 3;
const MAX_RETRY_WAIT_MS = 30_000;

/** Throws VALIDATION_ERROR when the organization is no number or the URL is none. Asks nothing yet. */
export function createCodegenClient(credentials: CodegenCredentials, options: CodegenClientOptions): CodegenClient {
  const { baseUrl, orgId, token } = credentials;
  const { shared, rules = codegenRules, timeoutMs = 30_000, firstRetryMs = 1000, mostWaitMs, now } = options;
  if (!/^\d+$/.test(orgId))
    throw new AppError('VALIDATION_ERROR', 'the organization of Codegen must be digits', {
      hint: 'set codegen.org_id, or CODEGEN_ORG_ID, to the number of the organization',
    });
  const upstream = new Upstream({
    service: codegenService,
    baseUrl: baseUrl.replace(/\/+$/, '').replace(/\/v1$/, ''),
    token,
    authorization: secret => ({ authorization: `Bearer ${secret}` }),
    timeoutMs,
    retries: { most: RETRIES, firstMs: firstRetryMs, mostMs: MAX_RETRY_WAIT_MS },
    // A caller waits for one time-out, not for four.
    retriesTimeouts: false,
    rules,
    shared,
    mostWaitMs,
  });
  const organization = `organizations/${orgId}`;
  const agent = `/v1/${organization}/agent`;
  const windows = ['requests'];

  const listRepos: CodegenClient['listRepos'] = (query, { signal }) =>
    upstream.request({ method: 'GET', path: `/v1/${organization}/repos`, query, reads: repoPage, windows, signal });
  const repos = new RepoDirectory({ list: listRepos, now });

  return {
    createRun({ prompt, metadata, repoId, model, agentType, images }, { signal }) {
      const body: CodegenApi['CreateAgentRunInput'] = {
        prompt,
        metadata,
        repo_id: repoId,
        model,
        agent_type: agentType,
        images: images && [...images],
      };
      const counted = ['requests', 'creations'];
      return upstream.request({ method: 'POST', path: `${agent}/run`, body, reads: run, windows: counted, signal });
    },

    resumeRun({ agentRunId, prompt, images }, { signal }) {
      const body: CodegenApi['ResumeAgentRunInput'] = {
        agent_run_id: agentRunId,
        prompt,
        images: images && [...images],
      };
      const byStatus = runNotFound(agentRunId);
      return upstream.request({
        method: 'POST',
        path: `${agent}/run/resume`,
        body,
        reads: run,
        byStatus,
        windows,
        signal,
      });
    },

    async stopRun(agentRunId, { signal }) {
      const body: CodegenApi['StopAgentRunInput'] = { agent_run_id: agentRunId };
      const byStatus = runNotFound(agentRunId);
      // What it answers is not described, and not needed. Stopping what has stopped changes nothing.
      const reads = anything;
      await upstream.request({
        method: 'POST',
        path: `${agent}/run/ban`,
        body,
        reads,
        byStatus,
        isSafe: true,
        windows,
        signal,
      });
    },

    getRun(agentRunId, { signal }) {
      const byStatus = runNotFound(agentRunId);
      return upstream.request({
        method: 'GET',
        path: `${agent}/run/${agentRunId}`,
        reads: run,
        byStatus,
        windows,
        signal,
      });
    },

    listRuns({ skip, limit, userId, sourceType }, { signal }) {
      const query = { skip, limit, user_id: userId, source_type: sourceType };
      return upstream.request({ method: 'GET', path: `${agent}/runs`, query, reads: runPage, windows, signal });
    },

    async getLogs(agentRunId, query, { signal }) {
      const ask = (path: string) =>
        upstream.request({
          method: 'GET',
          path,
          query,
          reads: logPage,
          byStatus: runNotFound(agentRunId),
          windows: ['requests', 'logs'],
          signal,
        });
      const path = `${organization}/agent/run/${agentRunId}/logs`;
      try {
        return await ask(`/v1/alpha/${path}`);
      } catch (error) {
        if (!(error instanceof UpstreamFailure && error.code === 'AGENT_RUN_NOT_FOUND')) throw error;
        return await ask(`/v1/${path}`);
      }
    },

    listRepos,
    findRepo: (fullName, { signal }) => repos.find(fullName, signal),
    getMe: ({ signal }) => upstream.request({ method: 'GET', path: '/v1/users/me', reads: user, windows, signal }),
    status: () => upstream.status(),
  };
}
