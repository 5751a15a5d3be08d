import { randomUUID } from 'node:crypto';

/** What the fake knows of its own, in the shapes of the API document where these are told. */
export interface FakeTask {
  id: string;
  name: string;
  owner: string;
  prompt: string;
  status: string;
  displayName?: string;
  state?: { state: string; message: string; timestamp: string; uri: string } | undefined;
  lifecycle?: string | undefined;
  healthy?: boolean | undefined;
  agentId?: string | undefined;
  workspaceId?: string | undefined;
  presetId?: string | undefined;
  templateName: string;
  createdAt: string;
  updatedAt: string;
  logs: { id: number; content: string; time: string; type: 'input' | 'output' }[];
}

export interface FakeWorkspace {
  id: string;
  name: string;
  owner: string;
  templateId: string;
  status: string;
  parameters: Record<string, string>;
  builds: { id: string; transition: 'start' | 'stop' | 'delete' }[];
  /** A build is under way, so that no other can be ordered. */
  isBuilding?: boolean;
}

export interface FakeChat {
  id: string;
  owner: string;
  title: string;
  status: string;
  archived: boolean;
  labels: Record<string, string>;
  workspaceId?: string | undefined;
  agentId?: string | undefined;
  organizationId: string;
  lastError?: string | undefined;
  createdAt: string;
  updatedAt: string;
  messages: { id: number; role: string; content: Record<string, unknown>[] }[];
  children: FakeChat[];
}

export interface FakeTemplate {
  id: string;
  name: string;
  versionId: string;
  organizationId: string;
  organizationName: string;
  /** It makes a task of a workspace with the parameter `AI Prompt`. */
  makesTasks: boolean;
}

export const FAKE_TIME = '2026-03-01T12:00:00Z';

/** Everything on a fake server. Tests change it as they like. */
export class FakeFleet {
  readonly users = ['alice', 'bob'].map(username => ({ id: randomUUID(), username }));
  readonly organizationId = randomUUID();
  readonly templates: FakeTemplate[] = [];
  readonly workspaces: FakeWorkspace[] = [];
  readonly tasks: FakeTask[] = [];
  readonly chats: FakeChat[] = [];
  /** By the id of the workspace's agent. */
  readonly agentLogs = new Map<string, { id: number; created_at: string; level: string; output: string }[]>();
  #messages = 0;

  constructor() {
    this.addTemplate('python-dev', { makesTasks: true });
    this.addTemplate('bare', { makesTasks: false });
  }

  addTemplate(name: string, more: Partial<FakeTemplate> = {}): FakeTemplate {
    const template = {
      id: randomUUID(),
      name,
      versionId: randomUUID(),
      organizationId: this.organizationId,
      organizationName: 'main',
      makesTasks: false,
      ...more,
    };
    this.templates.push(template);
    return template;
  }

  /** A task that is idle in a workspace of its own, unless told otherwise. */
  addTask(more: Partial<FakeTask> = {}): FakeTask {
    const id = more.id ?? randomUUID();
    const name = more.name ?? `task-${id.slice(0, 8)}`;
    const task: FakeTask = {
      owner: 'alice',
      prompt: 'Write the tests',
      status: 'active',
      state: { state: 'idle', message: 'All done', timestamp: '2026-03-01T12:30:00Z', uri: 'https://example.com/pr/1' },
      lifecycle: 'ready',
      healthy: true,
      agentId: randomUUID(),
      templateName: 'python-dev',
      createdAt: FAKE_TIME,
      updatedAt: '2026-03-01T12:31:00Z',
      logs: [],
      ...more,
      id,
      name,
    };
    if (!('workspaceId' in more)) task.workspaceId = this.addWorkspace({ name, owner: task.owner }).id;
    this.tasks.push(task);
    return task;
  }

  /** A chat that waits for its user, bound to a workspace of its own unless told otherwise. */
  addChat(more: Partial<FakeChat> = {}): FakeChat {
    const id = more.id ?? randomUUID();
    const chat: FakeChat = {
      owner: 'alice',
      title: 'Some work',
      status: 'waiting',
      archived: false,
      labels: {},
      organizationId: this.organizationId,
      createdAt: FAKE_TIME,
      updatedAt: '2026-03-01T12:31:00Z',
      messages: [],
      children: [],
      ...more,
      id,
    };
    if (!('workspaceId' in more))
      chat.workspaceId = this.addWorkspace({ name: `chat-${id.slice(0, 8)}`, owner: chat.owner }).id;
    this.chats.push(chat);
    return chat;
  }

  addWorkspace(more: Partial<FakeWorkspace> = {}): FakeWorkspace {
    const workspace: FakeWorkspace = {
      id: randomUUID(),
      name: 'workspace',
      owner: 'alice',
      templateId: this.templates[0]?.id ?? randomUUID(),
      status: 'running',
      parameters: {},
      builds: [{ id: randomUUID(), transition: 'start' }],
      ...more,
    };
    this.workspaces.push(workspace);
    return workspace;
  }

  say(chat: FakeChat, role: string, content: Record<string, unknown>[]): FakeChat['messages'][number] {
    const message = { id: ++this.#messages, role, content };
    chat.messages.push(message);
    return message;
  }

  /** `me` is alice. */
  user(name: string): { id: string; username: string } | undefined {
    const wanted = name === 'me' ? 'alice' : name;
    return this.users.find(({ id, username }) => id === wanted || username === wanted);
  }

  workspace(id: string | undefined): FakeWorkspace | undefined {
    return this.workspaces.find(workspace => workspace.id === id);
  }

  everyChat(): FakeChat[] {
    return this.chats.flatMap(chat => [chat, ...chat.children]);
  }
}
