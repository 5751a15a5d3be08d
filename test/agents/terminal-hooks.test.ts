import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { z } from 'zod';
import { ClaudeUser } from '../support/claude-terminal.ts';
import { eventually } from '../support/eventually.ts';
import type { Terminal } from '../support/terminal.ts';
import { askOperation } from '../support/operations-api.ts';

const PATIENCE_MS = 60_000;
const requestSchema = z.looseObject({
  requestId: z.string(),
  sessionId: z.string(),
  source: z.string(),
  state: z.string(),
  toolName: z.string(),
});
const eventSchema = z.looseObject({ type: z.string(), state: z.string().optional(), turnId: z.string().optional() });
const openSchema = z.looseObject({ openIn: z.looseObject({ status: z.string() }).optional() });
type Request = z.output<typeof requestSchema>;

describe('Claude Code in a terminal whose hooks reach the server', () => {
  let user: ClaudeUser;
  let settings: string;
  /** The one window of this user, in which everything happens. */
  let terminal: Terminal;

  const operate = (name: string, args: object = {}) => askOperation(user.server.url, name, args);
  const requests = async (state: 'pending' | 'all'): Promise<Request[]> => {
    const { body } = await operate('list_permissions', { state });
    return z.array(requestSchema).parse(body.permissions);
  };
  const stateOf = async (id: string) => (await requests('all')).find(({ requestId }) => requestId === id)?.state;
  const pending = async (): Promise<Request> => {
    await eventually(async () => (await requests('pending')).length === 1, PATIENCE_MS);
    const [request] = await requests('pending');
    return request ?? assert.fail('nothing waits');
  };
  const respond = ({ sessionId, requestId }: Request, answer: object) =>
    operate('respond_permission', { session_id: sessionId, request_id: requestId, ...answer });
  const touches = (name: string, before = '') =>
    `#tool Bash ${JSON.stringify({ command: `${before}touch ${name}`, description: `makes ${name}` })}`;
  const isThere = (name: string) => existsSync(user.fixture.path('work', name));
  /** Whoever reads the events of the session sees its requests end. */
  const endsOf = async (sessionId: string, after: string) => {
    const { body } = await operate('poll_events', { session_id: sessionId, after, timeout_ms: 0, max_events: 1000 });
    return z.array(eventSchema).parse(body.events);
  };

  /** Settles when nothing is at work in the window: what is typed then is a prompt of its own. */
  const rests = () =>
    eventually(async () => {
      const { body } = await operate('list_sessions', { status: 'mirror' });
      return z
        .array(openSchema)
        .parse(body.sessions)
        .every(({ openIn }) => (openIn?.status ?? 'idle') === 'idle');
    }, PATIENCE_MS);

  /** Answers the dialog by a key. One that comes in the moment that it opens is ignored, so that nobody answers it by accident. */
  const pressAt = async (key: string, from: number) => {
    await terminal.until(/Esctocancel/, { from });
    for (let presses = 1; ; presses += 1) {
      const before = terminal.length;
      terminal.press(key);
      const gone = terminal.until(/esctointerrupt|forshortcuts|Interrupted|Ran1/, { from: before, withinMs: 2_000 });
      if (
        await gone.then(
          () => true,
          error => presses === 5 && Promise.reject(error),
        )
      )
        return;
    }
  };

  before(async () => {
    user = await ClaudeUser.arrive('hooks');
    settings = await readFile(user.fixture.path('config/settings.json'), 'utf8');
    await user.startServer();
    await user.boxswain('sessions', 'hooks', 'install', '--yes');
    terminal = await user.open();
  });
  beforeEach(rests);
  after(async () => {
    await user[Symbol.asyncDispose]();
  });

  test('a permission dialog is answered from elsewhere: the tool runs and the dialog closes', async () => {
    const from = terminal.length;
    await user.prompt(terminal, touches('allowed'), '#say all is made');
    const request = await pending();
    assert.deepEqual([request.source, request.toolName], ['terminal', 'Bash']);
    await terminal.until(/Doyouwanttoproceed/, { from });
    assert.equal(isThere('allowed'), false);
    const answered = await respond(request, { behavior: 'allow' });
    assert.equal(answered.status, 200, JSON.stringify(answered.body));
    await user.hears('all is made');
    assert.equal(isThere('allowed'), true);
    assert.equal(await stateOf(request.requestId), 'allowed');
  });

  test('a denial from elsewhere tells the model why, and another input is what the tool gets', async () => {
    await user.prompt(terminal, touches('denied'), '#say went on');
    await respond(await pending(), { behavior: 'deny', message: 'not in this house' });
    await user.hears('went on');
    assert.equal(isThere('denied'), false);
    await eventually(async () => {
      const found = await operate('search_sessions', { query: '"not in this house"' });
      return z.array(z.unknown()).parse(found.body.results).length === 1;
    });
    await user.prompt(terminal, touches('asked-for'), '#say made another');
    const updated_input = { command: 'touch instead', description: 'makes another' };
    await respond(await pending(), { behavior: 'allow', updated_input });
    await user.hears('made another');
    assert.deepEqual([isThere('asked-for'), isThere('instead')], [false, true]);
  });

  test('a dialog that is answered in the terminal first is resolved_locally, and no other answer is taken', async () => {
    for (const [key, name] of [
      ['\r', 'by-hand'],
      ['\x1b', 'refused'],
    ] as const) {
      await rests();
      const from = terminal.length;
      await user.prompt(terminal, touches(name), '#say done by hand');
      const request = await pending();
      await pressAt(key, from);
      await eventually(async () => (await stateOf(request.requestId)) === 'resolved_locally', PATIENCE_MS);
      const late = await respond(request, { behavior: 'allow' });
      assert.deepEqual([late.status, late.body.code], [409, 'PERMISSION_NOT_PENDING']);
      if (key === '\r') await user.hears('done by hand');
      else await terminal.until(/Interrupted/, { from });
      assert.equal(isThere(name), key === '\r');
    }
  });

  test('a tool that is allowed in the terminal and takes long is seen to be allowed before it ends', async () => {
    const from = terminal.length;
    await user.prompt(terminal, touches('late', 'until [ -e go-on ]; do sleep 0.1; done; '), '#say at last');
    const request = await pending();
    await terminal.until(/Doyouwanttoproceed/, { from });
    // Whoever watches terminals sees the dialog before it is gone.
    await eventually(async () => {
      const { body } = await operate('get_session', { session_id: request.sessionId });
      return JSON.stringify(body.session).includes('"status":"waiting"');
    });
    await pressAt('\r', from);
    await eventually(async () => (await stateOf(request.requestId)) === 'resolved_locally', PATIENCE_MS);
    assert.equal(isThere('late'), false);
    await respond(request, { behavior: 'deny' });
    await writeFile(user.fixture.path('work/go-on'), '');
    await user.hears('at last');
    assert.equal(isThere('late'), true);
  });

  test('a prompt that is queued by choice is given at the end of the turn, by the Stop hook, once', async () => {
    await user.prompt(terminal, touches('first-turn'), '#say the first turn ends');
    const request = await pending();
    const { status, body } = await operate('send_prompt', {
      ...{ session_id: request.sessionId, text: `${touches('second-turn')}\n#say the second turn ends` },
      when_open: 'queue',
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.via, 'channel');
    await respond(request, { behavior: 'allow' });
    await user.hears('the first turn ends');
    await respond(await pending(), { behavior: 'allow' });
    await user.hears('the second turn ends');
    assert.equal(isThere('second-turn'), true);
    await eventually(async () => {
      const events = await endsOf(request.sessionId, String(body.cursor));
      return events.filter(({ type, turnId }) => type === 'session.idle' && turnId === body.turnId).length === 1;
    });
    assert.deepEqual(await requests('pending'), []);
  });

  test('its session shows that its hooks reach the server', async () => {
    await user.prompt(terminal, touches('present'), '#say here');
    const request = await pending();
    const { body } = await operate('get_session', { session_id: request.sessionId });
    const { channel } = z
      .looseObject({ channel: z.looseObject({ present: z.boolean(), pid: z.number().optional() }) })
      .parse(body.session);
    assert.deepEqual([channel.present, channel.pid], [true, terminal.pid]);
    await respond(request, { behavior: 'allow' });
    await user.hears('here');
  });

  test('with the server down the terminal works as before', async () => {
    const from = terminal.length;
    await user.server.kill();
    await user.prompt(terminal, touches('alone'), '#say done alone');
    await pressAt('\r', from);
    await user.hears('done alone');
    assert.equal(isThere('alone'), true);
    await user.startServer();
    await user.prompt(terminal, touches('together'), '#say done together');
    await respond(await pending(), { behavior: 'allow' });
    await user.hears('done together');
  });

  test('a server that is killed while it holds a request leaves the dialog to the terminal', async () => {
    const from = terminal.length;
    await user.prompt(terminal, touches('survives'), '#say it survived');
    const request = await pending();
    await terminal.until(/Doyouwanttoproceed/, { from });
    await user.server.kill();
    await user.startServer();
    const late = await respond(request, { behavior: 'deny' });
    assert.deepEqual([late.status, late.body.code], [409, 'PERMISSION_NOT_PENDING']);
    await pressAt('\r', from);
    await user.hears('it survived');
    assert.equal(isThere('survives'), true);
  });

  test('the hooks are removed without a trace', async () => {
    await user.boxswain('sessions', 'hooks', 'remove', '--yes');
    assert.equal(await readFile(user.fixture.path('config/settings.json'), 'utf8'), settings);
  });
});
