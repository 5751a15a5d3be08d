import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type FakeCoder, startFakeCoder } from '../support/fake-coder/fake-coder.ts';
import type { Generation } from '../support/fake-coder/routes.ts';
import { startTarget, type Target } from '../support/target.ts';
import { objectIn } from './fleet-server.ts';
import { operate } from '../support/operations-api.ts';

type Json = Record<string, unknown>;

const SEND = 'post /api/v2/tasks/{user}/{task}/send';
const TASKS: Generation = { tasks: 'v2', chats: null };
const cases = {
  'a task': { generation: TASKS, route: 'post /api/v2/tasks/{user}', args: {} },
  'a task with parameters': {
    generation: TASKS,
    route: 'post /api/v2/users/{user}/workspaces',
    args: { rich_parameters: { cpus: 2 } },
  },
  'a chat': { generation: { tasks: null, chats: 'experimental' }, route: 'post /api/experimental/chats', args: {} },
} satisfies Record<string, { generation: Generation; route: string; args: Json }>;

describe('a server that is killed', () => {
  let coder: FakeCoder;
  let target: Target;

  before(async () => {
    coder = await startFakeCoder();
    const env = {
      BOXSWAIN_TOOLSETS: 'fleet',
      BOXSWAIN_SANDBOX_SPARE_BOXES: '0',
      CODER_URL: coder.origin,
      CODER_SESSION_TOKEN: coder.token,
    };
    target = await startTarget({ env });
  });
  after(async () => {
    await target?.close();
    await coder?.close();
  });

  const ask = (tool: string, args: Json) => operate(target.server.url, tool, args);
  const made = (): number => coder.fleet.tasks.length + coder.fleet.chats.length;
  const create = (name: string, args: Json) =>
    ask('create_new_agent_task', {
      ...{ prompt: `Build ${name}`, workspace_name: name, template_name: 'python-dev', idempotency_key: name },
      ...args,
    });
  const prompts = (): number =>
    coder.changes().filter(({ pathname }) => pathname.endsWith('/send') || pathname.endsWith('/messages')).length;
  /** Kills it once the provider has got so far, and starts it again on its records. */
  const killedWhen = async (call: Promise<unknown>, isThere: () => boolean): Promise<void> => {
    const cut = call.catch(() => undefined);
    await eventually(isThere, 30_000);
    await target.server.kill();
    await cut;
    // Whoever starts again knows that it is gone, and does not wait for what it led.
    await target.query('update fleet_watch set lease_until = lease_until + ?', [600_000]);
    await target.again();
  };

  test('a hub that is killed before it hears that its creation was made neither doubles nor loses it', async () => {
    for (const [name, { generation, route, args }] of Object.entries(cases)) {
      coder.upgrade(generation);
      const [count, asked, sent] = [made(), coder.count(route), prompts()];
      const workspace = name.replaceAll(' ', '-');
      const held = Promise.withResolvers<void>();
      coder.next(route, { answersAfter: held.promise });
      await killedWhen(create(workspace, args), () => made() === count + 1);
      held.resolve();
      const again = await create(workspace, args);
      assert.deepEqual([again.success, again.delivery], [true, 'created'], `${name}: ${JSON.stringify(again)}`);
      const { id } = objectIn(again, 'data');
      assert.equal(id, (generation.tasks === null ? coder.fleet.chats : coder.fleet.tasks).at(-1)?.id, name);
      assert.deepEqual(await create(workspace, args), again, 'the key gives the first answer from now on');
      assert.deepEqual([made(), coder.count(route), prompts()], [count + 1, asked + 1, sent], `${name} is made once`);
      const { agents } = await ask('list_all_agents', { query: workspace });
      assert.deepEqual(Array.isArray(agents) && agents.map(agent => agent.id), [id], `${name} is listed once`);
    }
  });

  test('a creation that never arrived is made by the repeat, once', async () => {
    coder.upgrade(TASKS);
    const { route } = cases['a task'];
    const [count, asked] = [made(), coder.count(route)];
    coder.next(route, { hangs: true });
    await killedWhen(create('never-arrived', {}), () => coder.count(route) === asked + 1);
    assert.equal(made(), count);
    const again = await create('never-arrived', {});
    assert.deepEqual([again.delivery, made()], ['created', count + 1], JSON.stringify(again));
    await create('never-arrived', {});
    assert.deepEqual([made(), coder.count(route)], [count + 1, asked + 2]);
  });

  test('input that waits survives and arrives once; what was being sent is not sent again', async () => {
    coder.upgrade(TASKS);
    const state = (word: string) => ({ state: word, message: '', timestamp: '2026-03-01T12:30:00Z', uri: '' });
    const task = coder.fleet.addTask({ state: state('working') });
    const send = async (input_text: string) => {
      const answer = await ask('send_input_to_agent', { agent_id: task.id, input_text });
      return objectIn(answer, 'data').task_id;
    };
    const [first, second] = [await send('first'), await send('second')];
    const asked = coder.count(SEND);
    const held = Promise.withResolvers<void>();
    coder.next(SEND, { answersAfter: held.promise });
    task.state = state('idle');
    await killedWhen(Promise.resolve(), () => coder.count(SEND) === asked + 1 && task.logs.length === 1);
    held.resolve();
    const ended = async (task_id: unknown) => (await ask('task_get_status', { task_id })).status;
    await eventually(async () => (await ended(second)) === 'completed', 60_000);
    assert.equal(await ended(first), 'interrupted');
    assert.deepEqual(
      task.logs.map(({ content }) => content),
      ['first', 'second'],
    );
  });
});
