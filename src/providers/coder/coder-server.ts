import type { SharedLimits } from '../http/shared-limits.ts';
import { Upstream } from '../http/upstream.ts';
import type { Agent, AgentRef, ProviderHealth } from '../provider.ts';
import { agentOfChat, agentOfTask } from './agents.ts';
import { ChatsApi } from './chats-api.ts';
import { agentNotFound, coderService, isUnknownAgent } from './failures.ts';
import { type ApiChoice, Generations, type Listed } from './generations.ts';
import { TasksApi } from './tasks-api.ts';
import type { UpstreamChat, UpstreamTask, UpstreamWorkspace } from './upstream.ts';
import { WorkspacesApi } from './workspaces-api.ts';

export interface CoderServerOptions {
  /** With scheme, without a slash at its end. */
  readonly url: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  /** Wait before the first repetition, milliseconds. */
  readonly firstRetryMs?: number;
  readonly api: ApiChoice;
  readonly shared: SharedLimits;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/** What the server has, as it is now. */
export interface Apis {
  readonly tasks: TasksApi | null;
  readonly chats: ChatsApi | null;
  /** What it listed when it was probed a moment ago. */
  readonly listed: Listed | undefined;
}

/** An agent as the server tells of it; `ref` is its owner and id, however it was named. */
export type Found =
  | { readonly kind: 'task'; readonly ref: AgentRef; readonly api: TasksApi; readonly task: UpstreamTask }
  | { readonly kind: 'chat'; readonly ref: AgentRef; readonly api: ChatsApi; readonly chat: UpstreamChat };

/** Names of workspaces that chats are bound to are asked for again after so long. */
const NAMES_MS = 60_000;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** One Coder server, whatever generation it is of. */
export class CoderServer {
  readonly workspaces: WorkspacesApi;
  readonly #url: string;
  readonly #upstream: Upstream;
  readonly #generations: Generations;
  #names: { byId: ReadonlyMap<string, UpstreamWorkspace>; at: number } = { byId: new Map(), at: 0 };

  constructor({ url, token, timeoutMs, maxRetries, firstRetryMs = 500, api, shared, now }: CoderServerOptions) {
    this.#url = url;
    this.#upstream = new Upstream({
      service: coderService,
      baseUrl: url,
      token,
      authorization: secret => ({ 'coder-session-token': secret }),
      timeoutMs,
      retries: { most: maxRetries, firstMs: firstRetryMs, mostMs: 30_000 },
      retriesTimeouts: true,
      rules: { windows: {}, breaker: { failures: 5, openMs: 5000 } },
      shared,
    });
    this.workspaces = new WorkspacesApi({ upstream: this.#upstream });
    this.#generations = new Generations({ upstream: this.#upstream, api, now });
  }

  health(): ProviderHealth {
    const { failures, lastFailure, lastSuccessAt } = this.#upstream.status();
    if (failures > 0 && lastFailure)
      return { state: 'failing', since: new Date(lastFailure.at).toISOString(), reason: lastFailure.reason };
    if (lastSuccessAt === null) return { state: 'unknown', since: null, reason: null };
    return { state: 'ok', since: new Date(lastSuccessAt).toISOString(), reason: null };
  }

  /** Does something with what the server has; once more when it turns out to be of another generation by now. */
  use<T>(signal: AbortSignal, act: (apis: Apis) => Promise<T>): Promise<T> {
    return this.#generations.use(signal, ({ generation: { tasks, chats }, fresh }) => {
      const parts = { upstream: this.#upstream, workspaces: this.workspaces };
      return act({
        tasks: tasks === null ? null : new TasksApi(tasks, parts),
        chats: chats === null ? null : new ChatsApi(chats, parts),
        listed: fresh,
      });
    });
  }

  /** Does something with the agent of that id, or of that name. AGENT_NOT_FOUND. */
  find<T>(agent: AgentRef, { signal, act }: { signal: AbortSignal; act: (found: Found) => Promise<T> }): Promise<T> {
    return this.use(signal, async apis => act(await this.#look(agent, apis, signal)));
  }

  taskAgent(task: UpstreamTask): Agent {
    return agentOfTask(task, this.#url);
  }

  chatAgent(chat: UpstreamChat, workspace?: UpstreamWorkspace): Agent {
    return agentOfChat(chat, { base: this.#url, workspace });
  }

  async chatAgents(chats: readonly UpstreamChat[], signal: AbortSignal): Promise<Agent[]> {
    const names = await this.#workspacesOf(chats, signal);
    return chats.map(chat => this.chatAgent(chat, names.get(chat.workspace_id ?? '')));
  }

  /** Chats of that user that were made under that name, or are bound to the workspace of that name. */
  async chatsNamed(
    { user, name, chats }: { user: string; name: string; chats: ChatsApi },
    signal: AbortSignal,
  ): Promise<Agent[]> {
    const [named, workspace, owner] = await Promise.all([
      chats.named(name, signal),
      this.workspaces.named({ user, name }, signal),
      this.workspaces.user(user, signal),
    ]);
    const bound = workspace ? (await chats.list({ signal })).filter(chat => chat.workspace_id === workspace.id) : [];
    const all = [...new Map([...named, ...bound].map(chat => [chat.id, chat])).values()];
    const own = all.filter(chat => chat.owner_id === owner.id || chat.owner_username === owner.username);
    return await this.chatAgents(own, signal);
  }

  async #look(agent: AgentRef, { tasks, chats }: Apis, signal: AbortSignal): Promise<Found> {
    const isId = UUID.test(agent.id);
    let missing: unknown = agentNotFound(agent);
    const orMissing = (error: unknown) => {
      if (!isUnknownAgent(error)) throw error;
      missing = error;
      return undefined;
    };
    const task = await tasks?.get(agent, signal).catch(orMissing);
    if (tasks && task) return foundTask(task, tasks);
    const chat = isId
      ? await chats?.get(agent, signal).catch(orMissing)
      : (await chats?.named(agent.id, signal))?.find(({ archived }) => archived !== true);
    if (chats && chat)
      return { kind: 'chat', ref: { user: chat.owner_username ?? agent.user, id: chat.id }, api: chats, chat };
    // Under `me` the server has only our own; a listed task may be another's.
    const all = isId && agent.user === 'me' ? await tasks?.list({ signal }) : undefined;
    const other = all?.find(({ id }) => id === agent.id);
    if (tasks && other) return foundTask(other, tasks);
    throw missing;
  }

  /** The workspaces that these chats are bound to. They are rarely renamed, and there may be many: all of them are asked for at once. */
  async #workspacesOf(
    chats: readonly UpstreamChat[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, UpstreamWorkspace>> {
    const wanted = chats.flatMap(({ workspace_id: id }) => (id === null ? [] : [id]));
    const isKnown = wanted.every(id => this.#names.byId.has(id));
    if (wanted.length === 0 || (isKnown && this.#names.at + NAMES_MS > Date.now())) return this.#names.byId;
    const all = await this.workspaces.list({ signal });
    this.#names = { byId: new Map(all.map(workspace => [workspace.id, workspace])), at: Date.now() };
    return this.#names.byId;
  }
}

const foundTask = (task: UpstreamTask, api: TasksApi): Found => ({
  kind: 'task',
  ref: { user: task.owner_name, id: task.id },
  api,
  task,
});
