import { AppError } from '../../errors/app-error.ts';
import type { Agent, AgentLogs, AgentProvider, AgentRef, CreateAgent, LogSource, ProviderHealth } from '../provider.ts';
import { factsOfChat, factsOfTask } from './agents.ts';
import { capabilitiesOfChat, chatCapabilities } from './chat-status.ts';
import { flattened } from './chats-api.ts';
import { type Apis, CoderServer, type CoderServerOptions, type Found } from './coder-server.ts';
import {
  type CreationParts,
  createChat,
  createTask,
  findChat,
  findOrderedTask,
  findTask,
  type LookTimes,
} from './creation.ts';
import { deleteWorkspace } from './deletion.ts';
import { aboutAgent } from './failures.ts';
import { entriesOfAgent, entriesOfChat, entriesOfTask, merged } from './logs.ts';
import { cannot, mayBeSent } from './sendable.ts';
import { isStarting, taskCapabilities } from './task-status.ts';

export interface CoderOptions extends CoderServerOptions {
  /** What is made where the server has both. */
  readonly create: 'tasks' | 'chats';
  readonly defaultTemplate?: string | undefined;
  readonly looks?: LookTimes;
}

interface Waiting {
  readonly signal: AbortSignal;
}

const LOOKS: LookTimes = { taskMs: 60_000, everyMs: 1000, lostLooks: 3 };

/** Tasks and chats of a Coder server as agents. */
export class CoderProvider implements AgentProvider {
  readonly name = 'coder';
  readonly capabilities = [...new Set([...taskCapabilities, ...chatCapabilities])];
  readonly #options: CoderOptions;
  readonly #server: CoderServer;

  constructor(options: CoderOptions) {
    this.#options = options;
    this.#server = new CoderServer(options);
  }

  health(): ProviderHealth {
    return this.#server.health();
  }

  /** Name of the user whose token it is. AUTHENTICATION_FAILED. */
  async whoAmI({ signal }: Waiting): Promise<string> {
    return (await this.#server.workspaces.user('me', signal)).username;
  }

  async list({ includeInactive, signal }: { includeInactive: boolean } & Waiting): Promise<Agent[]> {
    return await this.#server.use(signal, async ({ tasks, chats, listed }) => {
      const [allTasks, someChats, archived] = await Promise.all([
        listed?.tasks ?? tasks?.list({ signal }) ?? [],
        listed ? flattened(listed.chats) : (chats?.list({ signal }) ?? []),
        includeInactive && chats ? chats.list({ query: { q: 'archived:true' }, signal }) : [],
      ]);
      const allChats = new Map([...someChats, ...archived].map(chat => [chat.id, chat]));
      const shown = [...allChats.values()].filter(chat => includeInactive || chat.archived !== true);
      const ofChats = await this.#server.chatAgents(shown, signal);
      return [...allTasks.map(task => this.#server.taskAgent(task)), ...ofChats];
    });
  }

  async get(agent: AgentRef, { signal }: Waiting): Promise<Agent> {
    const act = async (found: Found): Promise<Agent> => {
      if (found.kind === 'task') return this.#server.taskAgent(found.task);
      const [[described], initialPrompt] = await Promise.all([
        this.#server.chatAgents([found.chat], signal),
        found.api.firstPrompt(found.ref, signal),
      ]);
      return { ...(described ?? this.#server.chatAgent(found.chat)), initialPrompt };
    };
    return await this.#server.find(agent, { signal, act });
  }

  async findByName({ user, name, signal }: { user: string; name: string } & Waiting): Promise<Agent | undefined> {
    return await this.#server.use(signal, async ({ tasks, chats }) => {
      const ofTasks = tasks ? await tasks.list({ owner: user, signal }) : [];
      const found = ofTasks
        .filter(task => task.name === name || task.workspace_name === name)
        .map(task => this.#server.taskAgent(task));
      const ofChats = chats ? await this.#server.chatsNamed({ user, name, chats }, signal) : [];
      return newest([...found, ...ofChats].filter(hasNotEnded));
    });
  }

  async logs(agent: AgentRef, { source, signal }: { source: LogSource } & Waiting): Promise<AgentLogs> {
    const act = async (found: Found): Promise<AgentLogs> => {
      const [own, machine] = await Promise.all([
        source === 'agent' ? NO_LOGS : logsOf(found, signal),
        source === 'task' ? [] : this.#machineLogs(found, signal),
      ]);
      return { ...own, entries: merged(own.entries, machine) };
    };
    return await this.#server.find(agent, { signal, act });
  }

  async create(request: CreateAgent, { signal }: Waiting): Promise<Agent> {
    return await this.#server.use(signal, async apis => {
      const { tasks, chats } = this.#makers(apis);
      if (tasks) return this.#server.taskAgent(await createTask(request, { ...this.#parts(signal), tasks }));
      if (!chats) throw new AppError('INTERNAL_ERROR', 'the server has neither tasks nor chats');
      const { chat, workspace } = await createChat(request, { ...this.#parts(signal), chats });
      return { ...this.#server.chatAgent(chat, workspace), initialPrompt: request.prompt };
    });
  }

  async findCreated(request: CreateAgent, { signal }: Waiting): Promise<Agent | undefined> {
    return await this.#server.use(signal, async apis => {
      const { tasks, chats } = this.#makers(apis);
      const parts = tasks && { ...this.#parts(signal), tasks };
      const task = parts && ((await findTask(request, parts)) ?? (await findOrderedTask(request, parts)));
      if (task) return this.#server.taskAgent(task);
      const chat = chats && (await findChat(request, { chats, signal }));
      const [agent] = await this.#server.chatAgents(chat ? [chat] : [], signal);
      return agent && { ...agent, initialPrompt: request.prompt };
    });
  }

  async send(
    agent: AgentRef,
    { text, interrupt, signal }: { text: string; interrupt: boolean } & Waiting,
  ): Promise<void> {
    const act = async (found: Found): Promise<void> => {
      const { kind, ref } = found;
      if (kind === 'task') {
        const isOnItsWay = isStarting(factsOfTask(found.task));
        mayBeSent(this.#server.taskAgent(found.task), { interrupt, isStarting: isOnItsWay });
        await found.api.send(ref, { input: text, signal });
        return;
      }
      const interrupts = mayBeSent(this.#server.chatAgent(found.chat), { interrupt, isStarting: false });
      await found.api.send(ref, { text, interrupt: interrupts, signal });
    };
    await this.#server.find(agent, { signal, act });
  }

  async pause(agent: AgentRef, { signal }: Waiting): Promise<void> {
    const act = async (found: Found): Promise<void> => {
      if (found.kind === 'chat') return await interruptChat(found, signal);
      const described = this.#server.taskAgent(found.task);
      // Paused already, or on the way to it.
      if (described.capabilities.includes('resume')) return;
      if (!described.capabilities.includes('pause')) throw cannot(described, 'pause');
      await found.api.pause(found.task, signal);
    };
    await this.#server.find(agent, { signal, act });
  }

  async resume(agent: AgentRef, { signal }: Waiting): Promise<void> {
    const act = async (found: Found): Promise<void> => {
      const described = found.kind === 'task' ? this.#server.taskAgent(found.task) : this.#server.chatAgent(found.chat);
      if (described.status !== 'stopped') return;
      if (found.kind === 'chat' || !described.capabilities.includes('resume')) throw cannot(described, 'resume');
      await found.api.resume(found.task, signal);
    };
    await this.#server.find(agent, { signal, act });
  }

  async interrupt(agent: AgentRef, { signal }: Waiting): Promise<void> {
    const act = async (found: Found): Promise<void> => {
      if (found.kind === 'task') throw cannot(this.#server.taskAgent(found.task), 'interrupt');
      await interruptChat(found, signal);
    };
    await this.#server.find(agent, { signal, act });
  }

  async deleteWorkspace({ workspaceId, signal }: { workspaceId: string } & Waiting) {
    const { workspaces } = this.#server;
    return await this.#server.use(signal, ({ chats }) => deleteWorkspace(workspaceId, { workspaces, chats, signal }));
  }

  async #machineLogs(found: Found, signal: AbortSignal) {
    const agentId = found.kind === 'task' ? found.task.workspace_agent_id : found.chat.agent_id;
    if (agentId === null) return [];
    const byStatus = aboutAgent(found.ref);
    return entriesOfAgent(found.ref.id, await this.#server.workspaces.agentLogs(agentId, { byStatus, signal }));
  }

  /** What new agents are made with: one of the two. */
  #makers({ tasks, chats }: Apis): Pick<Apis, 'tasks' | 'chats'> {
    const prefersChats = this.#options.create === 'chats' && chats !== null;
    return tasks === null || prefersChats ? { tasks: null, chats } : { tasks, chats: null };
  }

  #parts(signal: AbortSignal): CreationParts {
    const { defaultTemplate, looks = LOOKS } = this.#options;
    return { workspaces: this.#server.workspaces, defaultTemplate, looks, signal };
  }
}

const NO_LOGS: AgentLogs = { entries: [], snapshot: false, snapshotAt: null };

async function logsOf(found: Found, signal: AbortSignal): Promise<AgentLogs> {
  const { ref } = found;
  if (found.kind === 'chat')
    return { ...NO_LOGS, entries: entriesOfChat(ref.id, await found.api.messages(ref, signal)) };
  const logs = await found.api.logs(ref, signal);
  return { entries: entriesOfTask(ref.id, logs), snapshot: logs.snapshot === true, snapshotAt: logs.snapshot_at };
}

/** A chat that is not at work has nothing to be interrupted in. */
async function interruptChat({ api, ref, chat }: Extract<Found, { kind: 'chat' }>, signal: AbortSignal): Promise<void> {
  if (capabilitiesOfChat(factsOfChat(chat)).includes('interrupt')) await api.interrupt(ref, signal);
}

/** An agent whose name can be used again is not meant by it. */
const hasNotEnded = ({ status, capabilities }: Agent): boolean =>
  status !== 'stopped' || capabilities.includes('resume') || capabilities.includes('send_input');

const newest = (agents: readonly Agent[]): Agent | undefined =>
  agents.toSorted((a, b) => Date.parse(b.createdAt ?? '') - Date.parse(a.createdAt ?? ''))[0];
