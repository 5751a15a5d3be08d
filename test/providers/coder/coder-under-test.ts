import type { TestContext } from 'node:test';
import { CoderProvider, type CoderOptions } from '../../../src/providers/coder/coder-provider.ts';
import { SharedLimits } from '../../../src/providers/http/shared-limits.ts';
import type { Agent, AgentStatus } from '../../../src/providers/provider.ts';
import { type FakeCoder, type FakeCoderOptions, startFakeCoder } from '../../support/fake-coder/fake-coder.ts';
import type { FakeChat, FakeTask } from '../../support/fake-coder/fleet.ts';
import type { Generation } from '../../support/fake-coder/routes.ts';

/** The three of them; the others answer 404. */
export const generations: readonly { name: string; generation: Generation }[] = [
  { name: 'tasks v2', generation: { tasks: 'v2', chats: null } },
  { name: 'tasks experimental', generation: { tasks: 'experimental', chats: null } },
  { name: 'chats', generation: { tasks: null, chats: 'experimental' } },
];

export interface UnderTest {
  readonly fake: FakeCoder;
  readonly provider: CoderProvider;
  readonly signal: AbortSignal;
  /** An agent of alice in this status, and how the fake changes it. */
  add(status: AgentStatus, more?: { name?: string; prompt?: string; owner?: string }): Added;
  /** Routes by what they do, of the generation that is tested. */
  readonly routes: Readonly<Record<'list' | 'get' | 'create' | 'send' | 'logs', string>>;
}

interface Added {
  readonly id: string;
  readonly workspaceId: string;
  readonly record: FakeTask | FakeChat;
  become(status: AgentStatus): void;
}

const TASKS: Readonly<Record<AgentStatus, Partial<FakeTask>>> = {
  idle: { status: 'active', state: stateOf('idle') },
  busy: { status: 'active', state: stateOf('working') },
  running: { status: 'active', state: undefined },
  error: { status: 'error' },
  offline: { status: 'active', healthy: false },
  stopped: { status: 'paused' },
};
/** A chat is never up without a status of its own, so `running` is a busy one. */
const CHATS: Readonly<Record<AgentStatus, string>> = {
  idle: 'waiting',
  busy: 'running',
  running: 'pending',
  error: 'error',
  offline: 'who-knows',
  stopped: 'paused',
};

const CHAT_ROUTES = {
  list: 'get /api/experimental/chats',
  get: 'get /api/experimental/chats/{chat}',
  create: 'post /api/experimental/chats',
  send: 'post /api/experimental/chats/{chat}/messages',
  logs: 'get /api/experimental/chats/{chat}/messages',
};
const TASK_ROUTES = {
  list: 'get /api/v2/tasks',
  get: 'get /api/v2/tasks/{user}/{task}',
  create: 'post /api/v2/tasks/{user}',
  send: 'post /api/v2/tasks/{user}/{task}/send',
  logs: 'get /api/v2/tasks/{user}/{task}/logs',
};

/** A fake server and the provider that speaks to it; at the test's end the fake fails the test when anything left the API document. */
export async function coderUnderTest(
  t: TestContext,
  { generation, dialect, ...more }: FakeCoderOptions & Partial<CoderOptions> = {},
): Promise<UnderTest> {
  const fake = await startFakeCoder({ generation, dialect });
  t.after(() => fake.close());
  const provider = new CoderProvider({
    url: fake.origin,
    token: fake.token,
    timeoutMs: 10_000,
    maxRetries: 3,
    firstRetryMs: 5,
    api: 'auto',
    create: 'tasks',
    looks: { taskMs: 300, everyMs: 20, lostLooks: 3 },
    shared: new SharedLimits(),
    ...more,
  });
  const hasTasks = generation?.tasks !== null;
  return {
    fake,
    provider,
    signal: t.signal,
    routes: hasTasks ? TASK_ROUTES : CHAT_ROUTES,
    add: (status, options = {}) => (hasTasks ? addTask(fake, status, options) : addChat(fake, status, options)),
  };
}

function addTask(
  fake: FakeCoder,
  status: AgentStatus,
  more: { name?: string; prompt?: string; owner?: string },
): Added {
  const record = fake.fleet.addTask({ ...more, ...TASKS[status] });
  const become = (next: AgentStatus) => {
    Object.assign(record, { healthy: true, lifecycle: 'ready', ...TASKS[next] });
    if (next !== 'stopped') return;
    const workspace = fake.fleet.workspace(record.workspaceId);
    if (workspace) workspace.status = 'stopped';
  };
  become(status);
  return { id: record.id, workspaceId: record.workspaceId ?? '', record, become };
}

function addChat(
  fake: FakeCoder,
  status: AgentStatus,
  more: { name?: string; prompt?: string; owner?: string },
): Added {
  const { name, prompt = 'Write the tests', owner = 'alice' } = more;
  const labels: Record<string, string> = name === undefined ? {} : { boxswain_name: name };
  const record = fake.fleet.addChat({ owner, labels, status: CHATS[status] });
  fake.fleet.say(record, 'user', [{ type: 'text', text: prompt }]);
  const become = (next: AgentStatus) => {
    record.status = CHATS[next];
  };
  return { id: record.id, workspaceId: record.workspaceId ?? '', record, become };
}

function stateOf(state: string): NonNullable<FakeTask['state']> {
  return { state, message: 'All done', timestamp: '2026-03-01T12:30:00Z', uri: 'https://example.com/pr/1' };
}

export const byId = (agents: readonly Agent[], id: string): Agent | undefined => agents.find(agent => agent.id === id);
