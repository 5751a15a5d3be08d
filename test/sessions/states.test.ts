import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { agentsOf, PATIENCE_MS, type SessionClient, sessionClient } from '../support/session-client.ts';

interface Stage {
  readonly client: SessionClient;
  readonly id: string;
  readonly cwd: string;
  until(status: string): Promise<void>;
  prompt(text: string, more?: object): Promise<unknown>;
  dispose(): Promise<unknown>;
  kill(): Promise<void>;
}

const ASK = '#tool Write {"file_path": "a", "content": "b"}';
const LONG = '#slow 1000 1000';
const MOST_LIVE = 4;

/** Each line of the table of states: how it is brought about, and the statuses that are told from the creation on. */
const transitions: readonly {
  readonly name: string;
  readonly steps: readonly ((stage: Stage) => Promise<unknown>)[];
  readonly told: readonly string[];
  readonly reason?: RegExp;
}[] = [
  { name: 'created without a prompt, it becomes idle', steps: [], told: ['starting', 'idle'] },
  {
    name: 'an idle session that gets a prompt runs, and is idle when its turn has ended',
    steps: [stage => stage.prompt('#say hello'), ({ until }) => until('idle')],
    told: ['starting', 'idle', 'running', 'idle'],
  },
  {
    name: 'a running session whose turn is aborted is idle',
    steps: [stage => stage.prompt(LONG), ({ until }) => until('running'), abort],
    told: ['starting', 'idle', 'running', 'idle'],
  },
  {
    name: 'a session that asks for leave waits, and runs on when it is answered',
    steps: [
      stage => stage.prompt(ASK),
      ({ until }) => until('waiting_permission'),
      answer,
      ({ until }) => until('idle'),
    ],
    told: ['starting', 'idle', 'running', 'waiting_permission', 'running', 'idle'],
  },
  {
    name: 'a session that is aborted while it waits for leave is idle',
    steps: [stage => stage.prompt(ASK), ({ until }) => until('waiting_permission'), abort],
    told: ['starting', 'idle', 'running', 'waiting_permission', 'running', 'idle'],
  },
  {
    name: 'the next prompt in the queue runs when a turn has ended',
    steps: [
      stage => stage.prompt(LONG),
      ({ until }) => until('running'),
      stage => stage.prompt('#say next'),
      abort,
      ({ until }) => until('idle'),
    ],
    told: ['starting', 'idle', 'running', 'idle', 'running', 'idle'],
  },
  {
    name: 'an idle session that is disposed is closed',
    steps: [stage => stage.dispose()],
    told: ['starting', 'idle', 'closed'],
  },
  {
    name: 'a running session that is disposed is closed',
    steps: [stage => stage.prompt(LONG), ({ until }) => until('running'), stage => stage.dispose()],
    told: ['starting', 'idle', 'running', 'closed'],
  },
  {
    name: 'a session that is disposed while it waits for leave is closed',
    steps: [stage => stage.prompt(ASK), ({ until }) => until('waiting_permission'), stage => stage.dispose()],
    told: ['starting', 'idle', 'running', 'waiting_permission', 'running', 'closed'],
  },
  {
    name: 'an idle session whose process ends has failed, and says why',
    steps: [stage => stage.kill(), ({ until }) => until('failed')],
    told: ['starting', 'idle', 'failed'],
    reason: /^The agent exited \(SIGKILL\)$/,
  },
  {
    name: 'a running session whose process ends has failed, and says why',
    steps: [stage => stage.prompt('#crash'), ({ until }) => until('failed')],
    told: ['starting', 'idle', 'running', 'failed'],
    reason: /^The agent exited \((code )?70\)$/,
  },
  {
    name: 'a session whose process ends while it waits for leave has failed',
    steps: [
      stage => stage.prompt(ASK),
      ({ until }) => until('waiting_permission'),
      stage => stage.kill(),
      ({ until }) => until('failed'),
    ],
    told: ['starting', 'idle', 'running', 'waiting_permission', 'running', 'failed'],
    reason: /SIGKILL/,
  },
  {
    name: 'a closed session that gets a prompt is started again',
    steps: [stage => stage.dispose(), stage => stage.prompt('#say back'), ({ until }) => until('idle')],
    told: ['starting', 'idle', 'closed', 'starting', 'idle', 'running', 'idle'],
  },
  {
    name: 'a failed session that gets a prompt is started again',
    steps: [
      stage => stage.kill(),
      ({ until }) => until('failed'),
      stage => stage.prompt('#say back'),
      ({ until }) => until('idle'),
    ],
    told: ['starting', 'idle', 'failed', 'starting', 'idle', 'running', 'idle'],
  },
];

describe('states of sessions', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let projects: string;
  const client = sessionClient(() => server.url);
  const start = async (more: Record<string, string> = {}) => {
    const env = {
      BOXSWAIN_SESSIONS_ROOTS: projects,
      BOXSWAIN_SESSIONS_MAX_LIVE: String(MOST_LIVE),
      HOME: join(scratch.path, 'home'),
    };
    server = await startServer({ directory: join(scratch.path, 'data'), env: { ...env, ...more } });
  };
  let count = 0;
  const open = async (args: object = {}): Promise<Stage & { cursor: string }> => {
    const cwd = join(projects, `p${count++}`);
    await mkdir(cwd, { recursive: true });
    const { sessionId: id, cursor } = await client.create({ cwd, agent: 'scripted', ...args });
    return {
      ...{ client, id, cwd, cursor },
      until: status => client.until(id, status),
      prompt: (text, more) => client.send(id, text, { ...more }),
      dispose: () => client.ask('dispose_session', { session_id: id }),
      async kill() {
        for (const { pid } of await agentsOf({ cwd })) process.kill(pid, 'SIGKILL');
      },
    };
  };
  const toldFrom = async ({ id, cursor }: { id: string; cursor: string }, told: readonly string[]) => {
    await eventually(async () => (await client.statuses(id, cursor)).length >= told.length, PATIENCE_MS);
    assert.deepEqual(await client.statuses(id, cursor), told);
  };

  before(async () => {
    scratch = await scratchDirectory();
    projects = join(scratch.path, 'projects');
    await mkdir(join(scratch.path, 'home'));
    await mkdir(projects);
    await start();
  });
  after(async () => {
    await server.stop();
    await scratch.remove();
  });

  // No more at once than may live, as one that is idle would be parked.
  describe('as the table has them', { concurrency: MOST_LIVE - 1 }, () => {
    for (const { name, steps, told, reason } of transitions) {
      test(name, async () => {
        const stage = await open();
        for (const step of steps) await step(stage);
        await toldFrom(stage, told);
        const { status, statusReason } = await client.session(stage.id);
        assert.equal(status, told.at(-1));
        if (reason) assert.match(statusReason ?? '', reason);
        await stage.dispose();
      });
    }

    test('created with a prompt, it runs as soon as it is ready', async () => {
      const stage = await open({ prompt: '#say at once' });
      await toldFrom(stage, ['starting', 'idle', 'running', 'idle']);
      await stage.dispose();
    });
  });

  test('the cap on live sessions parks the one that is idle longest; it resumes with its mode, model and memory', async () => {
    const first = await open({ permission_mode: 'acceptEdits', model: 'scripted' });
    await client.ask('send_and_wait', { session_id: first.id, text: '#say before' });
    const others = await Promise.all(Array.from({ length: MOST_LIVE }, () => open()));
    await first.until('parked');
    assert.deepEqual(await agentsOf({ cwd: first.cwd }), []);
    const turn = await client.ask('send_and_wait', { session_id: first.id, text: `${ASK}\n#recall` });
    assert.deepEqual([turn.waitingPermission, turn.status], [false, 'idle']);
    assert.match(JSON.stringify(turn.messages), /#say before/);
    const { session } = await client.ask('get_session', { session_id: first.id });
    assert.deepEqual([Object(session).permissionMode, Object(session).model], ['acceptEdits', 'scripted']);
    for (const { id } of [first, ...others]) await client.ask('dispose_session', { session_id: id });
  });

  test('with all live sessions busy there is no room for one more, and none is started', async () => {
    const busy = await Promise.all(Array.from({ length: MOST_LIVE }, () => open({ prompt: LONG })));
    await Promise.all(busy.map(stage => stage.until('running')));
    const refused = await client.ask('create_session', { cwd: busy[0]?.cwd, agent: 'scripted' });
    assert.deepEqual([refused.httpStatus, refused.code], [429, 'CAPACITY_EXCEEDED']);
    for (const stage of busy) await stage.dispose();
  });

  test('an idle session is parked after a while without use, and resumes with the next prompt', async () => {
    await server.stop();
    await start({ BOXSWAIN_SESSIONS_PARK_AFTER_SECONDS: '1' });
    const stage = await open();
    await stage.until('parked');
    assert.deepEqual(await agentsOf({ cwd: stage.cwd }), []);
    const turn = await client.ask('send_and_wait', { session_id: stage.id, text: '#say again' });
    assert.equal(turn.ok, true);
    await stage.until('parked');
    const told = ['starting', 'idle', 'parked'];
    await toldFrom(stage, [...told, 'starting', 'idle', 'running', 'idle', 'parked']);
  });
});

async function abort({ client, id }: Stage): Promise<void> {
  const { aborted } = await client.ask('abort_session', { session_id: id });
  assert.equal(aborted, true);
}

async function answer({ client, id }: Stage): Promise<void> {
  const request_id = await client.pending(id);
  const { ok } = await client.ask('respond_permission', { session_id: id, request_id, behavior: 'allow' });
  assert.equal(ok, true);
}
