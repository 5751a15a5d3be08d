import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { CallIds } from '../../ids/call-ids.ts';
import type { Agent, AgentProvider, CreateAgent, LogSource, ProviderName } from '../../providers/provider.ts';
import type { AgentChange } from '../../store/fleet/store.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { Foundation } from '../foundation.ts';
import type { Call, Idempotency } from '../hub.ts';
import { toJsonObject } from '../json.ts';
import type { Ending } from '../renderings.ts';
import type { RunEnds } from '../run-ends.ts';
import type { AgentFinder } from './agent-finder.ts';
import type { AgentLists } from './agent-lists.ts';
import { type LogPage, logPage, type LogQuery } from './agent-logs.ts';
import { agentSchema } from './agent-schema.ts';
import { agentOffline, badField, uncertain } from './errors.ts';
import type { Delivered, Input, InputDesk } from './input-desk.ts';
import type { Asked, FleetProviders } from './providers.ts';
import { CREATE, fleetTask } from './queued-input.ts';

export interface NamedAgent {
  readonly id: string;
  readonly user: string;
  readonly provider: Asked;
}

export type NewAgent = Omit<CreateAgent, 'parameters' | 'callId'> & {
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly provider: Asked;
  readonly whenBusy: 'queue' | 'error';
  readonly idempotencyKey?: string;
};

const madeSchema = z.object({
  agent: agentSchema,
  delivery: z.enum(['created', 'sent', 'queued']),
  taskId: z.string(),
  conflict: z.object({ caller: z.string(), operation: z.string(), at: z.number() }).optional(),
});
export type Made = z.output<typeof madeSchema>;

const sentSchema = z.object({
  agentId: z.string(),
  status: z.enum(['sent', 'queued']),
  taskId: z.string().optional(),
  conflict: madeSchema.shape.conflict,
});
export type SentInput = z.output<typeof sentSchema>;

interface Parts {
  readonly ends: RunEnds;
  readonly finder: AgentFinder;
  readonly idempotency: Idempotency;
  readonly inputs: InputDesk;
  readonly lists: AgentLists;
  readonly providers: FleetProviders;
}

/** One agent at a time: looked at, created, given input, deleted. */
export class FleetDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  async get(named: NamedAgent, call: Call): Promise<Agent> {
    return (await this.#find(named, call)).agent;
  }

  async logs(named: NamedAgent, query: LogQuery & { readonly source: LogSource }, call: Call): Promise<LogPage> {
    const { provider, ref } = await this.#locate(named, call);
    return logPage(await provider.logs(ref, { source: query.source, signal: call.signal }), query);
  }

  /** A repeat of a key gets the first answer. */
  async send(named: NamedAgent, input: Input & { readonly idempotencyKey?: string }, call: Call): Promise<SentInput> {
    const { idempotencyKey: key, ...given } = input;
    const operation = 'send_input_to_agent';
    const args = toJsonObject({ ...named, ...given });
    const answer = await this.#once({ operation, key, args }, call, async ids => {
      const to = await this.#find(named, call);
      const delivered = await this.#parts.inputs.send(to, given, { call, taskId: ids?.taskId() });
      const conflict = await this.#noteChange(to.agent, { operation, call });
      return toJsonObject({ agentId: to.agent.id, ...delivered, conflict });
    });
    return sentSchema.parse(answer);
  }

  /** To the agent that has this name, where there is one; else a new one is made, once, whatever the hub dies of on the way. */
  async create(request: NewAgent, call: Call): Promise<Made> {
    const { idempotencyKey: key, provider: asked, whenBusy, ...wanted } = request;
    await this.#parts.providers.refresh();
    const provider = this.#parts.providers.of(asked === 'all' ? this.#usual(wanted.name) : asked, call.caller);
    const args = toJsonObject({ ...wanted, provider: provider.name, whenBusy });
    const answer = await this.#once({ operation: CREATE, key, args }, call, async ids =>
      toJsonObject(await this.#createOrSend(wanted, { provider, whenBusy, call, ids })),
    );
    return madeSchema.parse(answer);
  }

  /** What waits for the agents of the workspace is cancelled. */
  async deleteWorkspace(
    named: { readonly id: string; readonly provider: Asked },
    call: Call,
  ): Promise<{ workspaceId: string; data: Readonly<Record<string, unknown>>; conflict?: AgentChange | undefined }> {
    const { provider, id } = await this.#parts.finder.workspace(named, call.caller);
    const deleted = await provider.deleteWorkspace({ workspaceId: id, signal: call.signal });
    this.#parts.lists.forget(provider.name);
    const gone = { provider: provider.name, workspaceId: deleted.workspaceId };
    await this.#parts.inputs.cancelFor(gone, 'the workspace of the agent is deleted');
    const change = { id: deleted.workspaceId, workspaceId: deleted.workspaceId, provider: provider.name };
    const conflict = await this.#noteChange(change, { operation: 'delete_agent_workspace', call });
    return { ...deleted, conflict };
  }

  /** Answers the agent as it is once the provider has accepted. */
  async direct(named: NamedAgent, verb: 'pause' | 'resume' | 'interrupt', call: Call): Promise<Agent> {
    const { provider, ref } = await this.#locate(named, call);
    await provider[verb](ref, { signal: call.signal });
    this.#parts.lists.forget(provider.name);
    const agent = await provider.get(ref, { signal: call.signal });
    await this.#noteChange(agent, { operation: `${verb}_agent`, call });
    return agent;
  }

  /** What a call has done whose caller left is not known, so that a repeat of its key looks for it. */
  async #once(
    once: { operation: string; key: string | undefined; args: JsonObject },
    call: Call,
    work: (ids: CallIds | undefined) => Promise<JsonObject>,
  ): Promise<JsonObject> {
    return await this.#parts.idempotency.once({ ...once, caller: call.caller }, async ids => {
      try {
        return await work(ids);
      } catch (error) {
        throw call.signal.aborted ? uncertain('NETWORK_ERROR', 'the call was broken off', { cause: error }) : error;
      }
    });
  }

  async #createOrSend(
    wanted: CreateAgent,
    options: { provider: AgentProvider; whenBusy: 'queue' | 'error'; call: Call; ids: CallIds | undefined },
  ): Promise<Made> {
    const { provider, whenBusy, call, ids } = options;
    const { signal } = call;
    const { store, limits } = this.#foundation;
    const taskId = ids?.taskId();
    const begun = taskId === undefined ? undefined : await store.tasks.get(taskId);
    const request = taskId === undefined ? wanted : { ...wanted, callId: taskId };
    // An earlier attempt was about to make it.
    if (begun?.operation === CREATE) {
      const made = await provider.findCreated(request, { signal });
      return await this.#made(made ?? (await this.#tryToMake(request, { provider, call, taskId })), { call, taskId });
    }
    const { user, name, prompt } = wanted;
    const existing = await provider.findByName({ user, name, signal });
    if (existing === undefined) {
      if (taskId !== undefined) {
        const row = fleetTask(taskId, { caller: call.caller.id, operation: CREATE, job: { name } });
        await store.tasks.insert(row, { perCaller: limits.of(row.caller)?.tasks });
        await store.tasks.start(taskId, { worker: this.#foundation.id, epoch: 0, sequence: 0 });
      }
      return await this.#made(await this.#tryToMake(request, { provider, call, taskId }), { call, taskId });
    }
    if (existing.status === 'offline' || existing.status === 'error') throw agentOffline(existing);
    const to = { agent: existing, provider, ref: { user, id: existing.id } };
    const sent = await this.#parts.inputs.send(to, { text: prompt, whenBusy, whenPaused: 'resume' }, { call, taskId });
    return await this.#answer(existing, { call, delivery: sent.status, sent });
  }

  async #tryToMake(
    wanted: CreateAgent,
    { provider, call, taskId }: { provider: AgentProvider; call: Call; taskId: string | undefined },
  ): Promise<Agent> {
    try {
      return await provider.create(wanted, { signal: call.signal });
    } catch (error) {
      if (taskId !== undefined && error instanceof AppError) await this.#end(taskId, error);
      throw error;
    } finally {
      this.#parts.lists.forget(provider.name);
    }
  }

  async #made(agent: Agent, { call, taskId }: { call: Call; taskId: string | undefined }): Promise<Made> {
    this.#parts.lists.forget(agent.provider);
    if (taskId !== undefined) await this.#end(taskId);
    return await this.#answer(agent, { call, delivery: 'created' });
  }

  async #answer(
    agent: Agent,
    { call, delivery, sent }: { call: Call; delivery: Made['delivery']; sent?: Delivered },
  ): Promise<Made> {
    const conflict = await this.#noteChange(agent, { operation: CREATE, call });
    return { agent, delivery, taskId: sent?.taskId ?? agent.id, ...(conflict && { conflict }) };
  }

  async #end(taskId: string, error?: AppError): Promise<void> {
    const task = await this.#foundation.store.tasks.get(taskId);
    if (task === undefined) return;
    const done: Ending = { status: 'completed', output: { success: true }, text: [] };
    await this.#parts.ends.conclude(task, error ? { status: 'failed', error } : done);
  }

  /** Directories are of this installation, `owner/name` is a repository, anything else is Coder's. */
  #usual(name: string): ProviderName {
    const { providers } = this.#parts;
    if (name.startsWith('/')) return 'local';
    if (providers.has('coder')) return 'coder';
    return providers.has('codegen') && /^[^/\s]+\/[^/\s]+$/.test(name) ? 'codegen' : 'coder';
  }

  async #find(named: NamedAgent, call: Call) {
    const found = await this.#locate(named, call);
    return { ...found, agent: await found.provider.get(found.ref, { signal: call.signal }) };
  }

  async #locate({ id, user, provider }: NamedAgent, { caller }: Call) {
    if (user.trim() === '') throw badField('user', 'user must not be empty');
    return await this.#parts.finder.agent({ id, user, provider }, caller);
  }

  /** The change that another caller made to the same agent a moment ago. */
  async #noteChange(
    { provider, id, workspaceId }: Pick<Agent, 'provider' | 'id' | 'workspaceId'>,
    { operation, call }: { operation: string; call: Call },
  ): Promise<AgentChange | undefined> {
    const { store, config } = this.#foundation;
    const change = { agent: `${provider}:${workspaceId ?? id}`, caller: call.caller.id, operation };
    return await store.fleet.noteChange(change, { windowSeconds: config.fleet.conflict_window_seconds });
  }
}
