import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../errors/app-error.ts';
import type { CircuitStatus } from '../http/circuit-breaker.ts';
import { isOutcomeUnknown } from '../http/failures.ts';
import type { AgentLogs, AgentProvider, AgentRef, CreateAgent, ProviderHealth } from '../provider.ts';
import { agentOf, entriesOf, runCapabilities } from './agents.ts';
import type { CodegenClient, CodegenRun } from './codegen-client.ts';
import { RecentRuns } from './recent-runs.ts';

export interface CodegenProviderOptions {
  /** As configured at the moment; NOT_CONFIGURED where it is not. */
  readonly client: () => CodegenClient | Promise<CodegenClient>;
  /** Waits before each look for a run whose answer was lost. */
  readonly lookAfterMs?: readonly number[];
  readonly now?: () => number;
}

const LOG_PAGE = 100;
const MOST_LOGS = 1000;
const NEWEST = 100;
const LOOK_AFTER_MS = [500, 3000, 6000];

/**
 * Runs of Codegen as agents: one that is complete takes input by being resumed, one that goes on is busy. The service can neither
 * pause, interrupt nor delete them, and has no workspaces: what is created is given a repository instead.
 */
export function createCodegenProvider(options: CodegenProviderOptions): AgentProvider {
  const { lookAfterMs = LOOK_AFTER_MS, now } = options;
  const recent = new RecentRuns({ now });
  let status: (() => CircuitStatus) | undefined;

  const clientNow = async (): Promise<CodegenClient> => {
    const client = await options.client();
    status = client.status;
    return client;
  };

  const runOf = async (agent: AgentRef, signal: AbortSignal): Promise<CodegenRun> => {
    const id = Number(agent.id);
    if (!/^\d+$/.test(agent.id) || !Number.isSafeInteger(id)) throw agentNotFound(agent);
    const client = await clientNow();
    return await asAgent(agent, () => client.getRun(id, { signal }));
  };

  const cannot = async (
    agent: AgentRef,
    { action, signal }: { action: string; signal: AbortSignal },
  ): Promise<never> => {
    await runOf(agent, signal);
    throw unsupported(action);
  };

  /** Among the newest, by what creation wrote into the metadata. */
  const madeFor = async (call: string, signal: AbortSignal): Promise<CodegenRun | undefined> => {
    const client = await clientNow();
    const { items } = await client.listRuns({ skip: 0, limit: NEWEST }, { signal });
    return items.find(run => run.metadata.boxswain_call === call);
  };

  return {
    name: 'codegen',
    capabilities: runCapabilities,
    health: () => (status ? healthOf(status()) : { state: 'unknown', since: null, reason: null }),

    async list({ includeInactive, signal }) {
      const runs = await recent.read(await clientNow(), { includeEnded: includeInactive, signal });
      return runs.map(agentOf);
    },

    get: async (agent, { signal }) => agentOf(await runOf(agent, signal)),

    // Runs have no names: what is created is always a new one.
    findByName: async () => undefined,

    async logs(agent, { source, signal }): Promise<AgentLogs> {
      const run = await runOf(agent, signal);
      if (source === 'agent') return NO_LOGS;
      const client = await clientNow();
      const page = (skip: number) =>
        asAgent(agent, () => client.getLogs(run.id, { skip, limit: LOG_PAGE, reverse: false }, { signal }));
      const first = await page(0);
      const total = first.total ?? first.logs.length;
      const from = total > MOST_LOGS ? total - MOST_LOGS : LOG_PAGE;
      const skips = Array.from(
        { length: Math.ceil(Math.max(0, total - from) / LOG_PAGE) },
        (_, at) => from + at * LOG_PAGE,
      );
      const others = await Promise.all(skips.map(page));
      const all = [...(total > MOST_LOGS ? [] : first.logs), ...others.flatMap(({ logs }) => logs)];
      return { ...NO_LOGS, entries: entriesOf(run, all) };
    },

    async create(request, { signal }) {
      refuseWhatRunsLack(request);
      const client = await clientNow();
      const { repo, near } = await client.findRepo(request.name, { signal });
      if (!repo) throw repoNotFound(request, near);
      const call = request.callId ?? randomUUID();
      const metadata = { repo: repo.fullName, boxswain_call: call };
      const named = request.displayName === undefined ? metadata : { ...metadata, display_name: request.displayName };
      try {
        const run = await client.createRun({ prompt: request.prompt, repoId: repo.id, metadata: named }, { signal });
        return { ...agentOf(run), initialPrompt: request.prompt };
      } catch (error) {
        if (!isOutcomeUnknown(error)) throw error;
        for (const waitMs of lookAfterMs) {
          await delay(waitMs, undefined, { signal });
          // A look that fails is one without a finding.
          const run = await madeFor(call, signal).catch(() => undefined);
          if (run) return { ...agentOf(run), initialPrompt: request.prompt };
        }
        throw lost(error);
      }
    },

    async findCreated(request, { signal }) {
      const run = request.callId === undefined ? undefined : await madeFor(request.callId, signal);
      return run && { ...agentOf(run), initialPrompt: request.prompt };
    },

    async send(agent, { text, interrupt, signal }) {
      const run = await runOf(agent, signal);
      const found = agentOf(run);
      const details = { status: found.status, agent_id: found.id };
      if (found.status === 'busy' || found.status === 'running') {
        if (interrupt) throw unsupported('interrupt');
        throw new AppError('AGENT_BUSY', `Agent ${found.id} is ${found.status}`, { details });
      }
      if (found.status !== 'idle')
        throw new AppError('AGENT_OFFLINE', `Agent ${found.id} has ended: ${run.status ?? 'no status'}`, { details });
      const client = await clientNow();
      try {
        await asAgent(agent, () => client.resumeRun({ agentRunId: run.id, prompt: text }, { signal }));
      } catch (error) {
        throw isOutcomeUnknown(error) ? lost(error) : error;
      }
    },

    pause: (agent, { signal }) => cannot(agent, { action: 'pause', signal }),
    resume: async (agent, { signal }) => {
      // None is ever paused.
      await runOf(agent, signal);
    },
    interrupt: (agent, { signal }) => cannot(agent, { action: 'interrupt', signal }),
    async deleteWorkspace() {
      throw unsupported('delete');
    },
  };
}

const NO_LOGS: AgentLogs = { entries: [], snapshot: false, snapshotAt: null };

/** What is told of a run is told of an agent. */
async function asAgent<T>(agent: AgentRef, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof AppError && error.code === 'AGENT_RUN_NOT_FOUND' ? agentNotFound(agent, error) : error;
  }
}

const agentNotFound = ({ id, user }: AgentRef, cause?: unknown): AppError =>
  new AppError('AGENT_NOT_FOUND', `Agent not found: ${id}`, { details: { user, agent_id: id }, cause });

const repoNotFound = ({ name, user }: CreateAgent, near: readonly string[]): AppError =>
  new AppError('WORKSPACE_NOT_FOUND', `Workspace not found: ${name}`, {
    hint: 'name a repository of the organization as owner/name',
    details: { workspace_name: name, user, near },
  });

const unsupported = (what: string): AppError =>
  new AppError('CAPABILITY_UNSUPPORTED', `codegen does not support ${what}`, {
    details: { capabilities: runCapabilities },
    hint:
      what === 'delete'
        ? 'task_cancel stops a run that was started here'
        : 'do what the capabilities of the agent name',
  });

function refuseWhatRunsLack({ template, parameters, preset }: CreateAgent): void {
  const given = { template_name: template, rich_parameters: parameters, preset };
  const [lacking] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (lacking !== undefined) throw unsupported(lacking);
}

function lost(error: unknown): AppError {
  if (error instanceof AppError && error.code === 'NETWORK_ERROR') return error;
  const reason = error instanceof Error ? error.message : 'no readable answer';
  return new AppError('NETWORK_ERROR', `Network error: ${reason}`, { details: { reason }, cause: error });
}

function healthOf({ failures, lastFailure, lastSuccessAt }: CircuitStatus): ProviderHealth {
  if (failures > 0 && lastFailure)
    return { state: 'failing', since: new Date(lastFailure.at).toISOString(), reason: lastFailure.reason };
  if (lastSuccessAt === null) return { state: 'unknown', since: null, reason: null };
  return { state: 'ok', since: new Date(lastSuccessAt).toISOString(), reason: null };
}
