import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { AppError } from '../../src/errors/app-error.ts';
import { agentOf } from '../../src/providers/codegen/agents.ts';
import type { CodegenClient } from '../../src/providers/codegen/codegen-client.ts';
import type { Agent } from '../../src/providers/provider.ts';
import { codegenClient } from '../support/codegen-client.ts';
import { deviationsOf, type Deviation, NEW_FIELD, NEW_WORD } from '../support/deviations.ts';
import type { RequestKind } from '../support/fake-codegen/requests.ts';
import type { Generation } from '../support/fake-coder/routes.ts';
import { coderUnderTest, type UnderTest } from './coder/coder-under-test.ts';

type Lie = Deviation['lie'];
interface Service {
  readonly apiError: string;
  /** Fields whose values are words of a list that may grow. */
  readonly words: ReadonlySet<string>;
}

const CODER: Service = {
  apiError: 'CODER_API_ERROR',
  words: new Set([
    'status',
    'state',
    'workspace_status',
    'workspace_agent_lifecycle',
    'type',
    'level',
    'role',
    'transition',
  ]),
};
const CODEGEN: Service = { apiError: 'CODEGEN_API_ERROR', words: new Set(['status', 'source_type', 'message_type']) };

/** What came of a call: of an answer that deviates in its first place. */
interface Outcome {
  readonly deviation: Deviation;
  readonly value?: unknown;
  readonly error?: AppError;
}

/**
 * Has a call answered in every way that leaves the document, and holds it to the rule: what is new passes; what is missing or mistyped
 * passes where nobody needs it, else it is reported by its name. `ask` makes the call with its next answer changed.
 */
async function held({ apiError, words }: Service, ask: (lie: Lie) => Promise<unknown>): Promise<Outcome[]> {
  let documented: unknown;
  await ask(body => {
    documented = structuredClone(body);
    return body;
  });
  assert.notEqual(documented, undefined, 'it was asked for nothing');
  const outcomes: Outcome[] = [];
  for (const deviation of deviationsOf(documented, { words })) {
    const { name, kind, path, lie } = deviation;
    try {
      outcomes.push({ deviation, value: await ask(lie) });
    } catch (error) {
      assert.ok(error instanceof AppError, `${name}: ${String(error)}`);
      assert.ok(kind === 'missing' || kind === 'mistyped', `${name} is not tolerated: ${error.message}`);
      // What a creation has made is looked for, and may be found out to be uncertain.
      if (error.code !== 'NETWORK_ERROR') {
        assert.equal(error.code, apiError, `${name}: ${error.message}`);
        assert.equal(error.details.field, path.join('.'), name);
        assert.match(error.message, kind === 'missing' ? / is missing$/ : / cannot be read: /, name);
      }
      outcomes.push({ deviation, error });
    }
  }
  return outcomes;
}

/** Names of fields without which an answer is refused. */
const demanded = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap(({ deviation: { kind, path }, error }) => (kind === 'missing' && error ? [path.join('.')] : []));
const valuesOf = (outcomes: readonly Outcome[], kind: Deviation['kind']) =>
  outcomes.filter(({ deviation }) => deviation.kind === kind).map(({ value }) => value);

interface CoderCase {
  readonly route: string;
  /** A creation or an order is looked up when its answer cannot be read, so nothing need be refused. */
  readonly demands: readonly string[];
  readonly call: (place: UnderTest, agent: { id: string; workspaceId: string }) => Promise<unknown>;
}

let names = 0;
const me = (id: string) => ({ user: 'alice', id });
const created = ({ provider, signal }: UnderTest, more: object = {}) => {
  names += 1;
  const request = { user: 'me', name: `made-${names}`, prompt: 'Do it', template: 'python-dev' };
  return provider.create({ ...request, ...more }, { signal });
};
const listed = ({ provider, signal }: UnderTest) => provider.list({ includeInactive: false, signal });
const gotten = ({ provider, signal }: UnderTest, { id }: { id: string }) => provider.get(me(id), { signal });
const logged =
  (source: 'task' | 'agent') =>
  ({ provider, signal }: UnderTest, { id }: { id: string }) =>
    provider.logs(me(id), { source, signal });

const ofTasks: readonly CoderCase[] = [
  { route: 'get /api/v2/tasks', demands: ['tasks', 'tasks.0.id', 'tasks.0.name', 'tasks.0.status'], call: listed },
  { route: 'get /api/v2/tasks/{user}/{task}', demands: ['id', 'name', 'owner_name', 'status'], call: gotten },
  { route: 'get /api/v2/tasks/{user}/{task}/logs', demands: ['logs', 'logs.0.content'], call: logged('task') },
  { route: 'get /api/v2/workspaceagents/{workspaceagent}/logs', demands: ['0.output'], call: logged('agent') },
  {
    route: 'get /api/v2/users/{user}',
    demands: ['username'],
    call: ({ provider, signal }) => provider.whoAmI({ signal }),
  },
  { route: 'get /api/v2/templates', demands: ['0.id', '0.active_version_id'], call: place => created(place) },
  { route: 'post /api/v2/tasks/{user}', demands: [], call: place => created(place) },
  {
    route: 'post /api/v2/users/{user}/workspaces',
    demands: [],
    call: place => created(place, { parameters: { cpus: '2' } }),
  },
  {
    route: 'get /api/v2/workspaces/{workspace}',
    demands: ['id', 'name'],
    call: ({ provider, signal }, { workspaceId }) => provider.deleteWorkspace({ workspaceId, signal }),
  },
];

const ofChats: readonly CoderCase[] = [
  { route: 'get /api/experimental/chats', demands: ['0.id', '0.status'], call: listed },
  { route: 'get /api/experimental/chats/{chat}', demands: ['id', 'status'], call: gotten },
  {
    route: 'get /api/experimental/chats/{chat}/messages',
    demands: ['messages', 'messages.0.role', 'messages.0.content.0.type'],
    call: logged('task'),
  },
  { route: 'get /api/experimental/chats/{chat}/prompts', demands: ['prompts', 'prompts.0.text'], call: gotten },
  { route: 'post /api/experimental/chats', demands: [], call: place => created(place) },
];

const generations: readonly (readonly [Generation, readonly CoderCase[]])[] = [
  [{ tasks: 'v2', chats: null }, ofTasks],
  [{ tasks: null, chats: 'experimental' }, ofChats],
];

for (const [generation, cases] of generations)
  for (const { route, demands, call } of cases)
    test(`whatever ${route} of Coder answers beyond its document passes, or is reported by the name of the field`, async t => {
      const place = await coderUnderTest(t, { generation, looks: { taskMs: 300, everyMs: 5, lostLooks: 2 } });
      const agent = place.add('idle');
      logSomething(place, agent.id);
      // What it has is found out first.
      await listed(place);
      const outcomes = await held(CODER, lie => {
        place.fake.next(route, { lie });
        return call(place, agent);
      });
      assert.deepEqual(
        demands.filter(name => !demanded(outcomes).includes(name)),
        [],
        'what is demanded',
      );
    });

function logSomething({ fake }: UnderTest, id: string): void {
  const task = fake.fleet.tasks.find(one => one.id === id);
  const time = '2026-03-01T12:00:00Z';
  task?.logs.push({ id: 0, content: 'said', time, type: 'output' });
  if (task?.agentId) fake.fleet.agentLogs.set(task.agentId, [{ id: 0, level: 'info', output: 'up', created_at: time }]);
}

test('new fields and new words of agents of Coder are shown', async t => {
  for (const [generation, { route }] of [
    [{ tasks: 'v2', chats: null }, { route: 'get /api/v2/tasks' }],
    [{ tasks: null, chats: 'experimental' }, { route: 'get /api/experimental/chats' }],
  ] as const) {
    const place = await coderUnderTest(t, { generation });
    place.add('idle');
    await listed(place);
    const outcomes = await held(CODER, lie => {
      place.fake.next(route, { lie });
      return listed(place);
    });
    const agents = (values: readonly unknown[]) => values.flatMap(value => (Array.isArray(value) ? value : []));
    const [extended] = agents(valuesOf(outcomes, 'more fields'));
    assert.deepEqual(extended?.metadata[NEW_FIELD], 'new');
    const renamed = agents(valuesOf(outcomes, 'another word')).map(({ metadata }: Agent) => metadata.provider_status);
    assert.ok(renamed.includes(NEW_WORD), renamed.join());
  }
});

interface CodegenCase {
  readonly kind: RequestKind;
  readonly demands: readonly string[];
  readonly call: (client: CodegenClient, run: { id: number; signal: AbortSignal }) => Promise<unknown>;
}

const page = { skip: 0, limit: 10 };
const ofCodegen: readonly CodegenCase[] = [
  {
    kind: 'listRuns',
    demands: ['items', 'items.0.id', 'total'],
    call: (client, { signal }) => client.listRuns(page, { signal }),
  },
  { kind: 'getRun', demands: ['id'], call: (client, { id, signal }) => client.getRun(id, { signal }) },
  { kind: 'createRun', demands: ['id'], call: (client, { signal }) => client.createRun({ prompt: 'x' }, { signal }) },
  {
    kind: 'resumeRun',
    demands: ['id'],
    call: (client, { id, signal }) => client.resumeRun({ agentRunId: id, prompt: 'x' }, { signal }),
  },
  { kind: 'stopRun', demands: [], call: (client, { id, signal }) => client.stopRun(id, { signal }) },
  {
    kind: 'getLogs',
    demands: ['logs', 'logs.0.agent_run_id'],
    call: (client, { id, signal }) => client.getLogs(id, { ...page, reverse: false }, { signal }),
  },
  {
    kind: 'listRepos',
    demands: ['items', 'items.0.full_name'],
    call: (client, { signal }) => client.listRepos(page, { signal }),
  },
  { kind: 'getMe', demands: ['id', 'github_username'], call: (client, { signal }) => client.getMe({ signal }) },
];

/** A client that need not keep to limits, and a run with all that can be told of one. */
async function codegenPlace(t: TestContext) {
  const rules = { windows: {}, breaker: { failures: 5, openMs: 5_000 } };
  const { fake, client } = await codegenClient(t, { rules });
  const request = { id: 5, title: 't', url: 'https://github.com/o/r/pull/5', created_at: 'x', head_branch_name: 'b' };
  const { id } = fake.runs.add({ metadata: { a: 1 }, result: 'r', summary: 's', github_pull_requests: [request] });
  fake.runs.addLogs(id, { message_type: 'ACTION', thought: 'hm', tool_name: 'x', created_at: '2026-03-01 12:00:00' });
  fake.runs.addRepo('a/b');
  const asked =
    ({ kind, call }: CodegenCase) =>
    (lie: Lie) => {
      fake.troubles.next(kind, { lie });
      return call(client, { id, signal: t.signal });
    };
  return { asked };
}

for (const given of ofCodegen)
  test(`whatever Codegen answers to ${given.kind} beyond its document passes, or is reported by the name of the field`, async t => {
    const { asked } = await codegenPlace(t);
    const outcomes = await held(CODEGEN, asked(given));
    assert.deepEqual(
      given.demands.filter(name => !demanded(outcomes).includes(name)),
      [],
      'what is demanded',
    );
  });

test('new fields and new words of runs of Codegen are shown', async t => {
  const { asked } = await codegenPlace(t);
  const runs = await held(
    CODEGEN,
    asked({
      kind: 'getRun',
      demands: [],
      call: async (client, { id, signal }) => agentOf(await client.getRun(id, { signal })),
    }),
  );
  const metadata = (kind: Deviation['kind']) => valuesOf(runs, kind).map(value => Object(value).metadata);
  assert.deepEqual(
    metadata('more fields').map(shown => shown[NEW_FIELD]),
    ['new'],
  );
  assert.ok(metadata('another word').some(shown => shown.provider_status === NEW_WORD));
  assert.ok(metadata('another word').some(shown => shown.source_type === NEW_WORD));
  const logs = await held(
    CODEGEN,
    asked({
      kind: 'getLogs',
      demands: [],
      call: (client, { id, signal }) => client.getLogs(id, { ...page, reverse: false }, { signal }),
    }),
  );
  const [entry] = valuesOf(logs, 'more fields').map(value => Object(value).logs[0]);
  assert.deepEqual(entry[NEW_FIELD], 'new');
});
