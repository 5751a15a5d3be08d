import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { cursorOf } from '../../src/operations/sessions/cursors.ts';
import { ClaudeUser, READY } from '../support/claude-terminal.ts';
import { eventually } from '../support/eventually.ts';
import { PATIENCE_MS, sessionClient } from '../support/session-client.ts';
import type { Terminal } from '../support/terminal.ts';

const partSchema = z.looseObject({ id: z.string(), type: z.string(), text: z.string().optional() });
const messageSchema = z.looseObject({ id: z.string(), role: z.string(), parts: z.array(partSchema) });
const openSchema = z.looseObject({
  status: z.string(),
  openIn: z.looseObject({ kind: z.string(), pid: z.number(), status: z.string() }).optional(),
});

describe('sessions that are open in a terminal, with the real Claude Code', () => {
  let user: ClaudeUser;
  const client = sessionClient(() => user.server.url);

  before(async () => {
    user = await ClaudeUser.arrive('terminals');
    await user.startServer();
  });
  after(() => user[Symbol.asyncDispose]());

  const transcriptOf = async (sessionId: string): Promise<string> => {
    const projects = user.fixture.path('config/projects');
    const names = await readdir(projects, { recursive: true });
    const name = names.find(one => one.endsWith(`${sessionId}.jsonl`)) ?? assert.fail(`no transcript of ${sessionId}`);
    return await readFile(join(projects, name), 'utf8');
  };
  const look = async (session_id: string) => {
    const { session, messages } = await client.ask('get_session', { session_id });
    return { session: openSchema.parse(session), messages: z.array(messageSchema).parse(messages) };
  };
  const textsOf = async (session_id: string): Promise<string[]> =>
    (await look(session_id)).messages.flatMap(({ parts }) => parts.flatMap(({ text }) => text ?? []));
  const isMirror = async (session_id: string) =>
    await eventually(async () => {
      const { httpStatus, session } = await client.ask('get_session', { session_id });
      return httpStatus === 200 && openSchema.parse(session).status === 'mirror';
    }, PATIENCE_MS);
  const quit = async (terminal: Terminal) => {
    let isOver = false;
    const ended = terminal.ended().then(() => {
      isOver = true;
    });
    await eventually(() => {
      // The first asks, the second ends it.
      if (!isOver) terminal.press('\x03');
      return isOver;
    }, PATIENCE_MS);
    await ended;
  };
  const found = async (title: string): Promise<string> => {
    let id: string | undefined;
    await eventually(async () => {
      const { sessions } = await client.ask('list_sessions', { query: title });
      id = z.array(z.looseObject({ id: z.string() })).parse(sessions)[0]?.id;
      return id !== undefined;
    }, PATIENCE_MS);
    return id ?? assert.fail(`no session ${title}`);
  };
  const page = async (session_id: string, more: Record<string, unknown>) =>
    z
      .looseObject({ events: z.array(z.looseObject({ type: z.string() })), cursor: z.string() })
      .parse(await client.ask('poll_events', { session_id, timeout_ms: 0, ...more }));
  /** So many turns were told to their ends. */
  const settled = async (session_id: string, turns: number) =>
    await eventually(async () => {
      await page(session_id, {});
      return (await client.ends(session_id, cursorOf(session_id, 0))).length >= turns;
    }, PATIENCE_MS);
  /** A new session in a window that has answered once. */
  const begun = async (word: string): Promise<{ window: Terminal; id: string }> => {
    const window = await user.open();
    await user.prompt(window, `#say ${word}`);
    await user.hears(word);
    const id = await found(word);
    await isMirror(id);
    return { window, id };
  };
  const ids = (events: Awaited<ReturnType<typeof client.events>>) =>
    events.flatMap(({ type, message }) => (type === 'message.created' ? [messageSchema.parse(message).id] : []));

  // Windows start slowly and wait for much; none of these looks at another's session.
  describe('in several windows', { concurrency: 2 }, () => {
    test('a session open in a terminal is seen, and what is said there is polled, once and as get_session shows it', async () => {
      const { window, id } = await begun('marmot');
      const { openIn } = (await look(id)).session;
      assert.deepEqual([openIn?.kind, openIn?.pid], ['terminal', window.pid]);
      // What another actor causes wakes a poll, also of a session that only a transcript told of.
      await settled(id, 1);
      const { cursor } = await page(id, {});
      const polled = page(id, { after: cursor, types: ['message.created'], timeout_ms: 30_000 });
      await user.prompt(window, '#say badger');
      const [first] = (await polled).events;
      assert.equal(first?.type, 'message.created');
      await settled(id, 2);
      const events = await client.events(id, cursorOf(id, 0));
      assert.deepEqual(
        ids(events),
        (await look(id)).messages.map(message => message.id),
      );
      assert.equal(new Set(events.map(({ seq }) => seq)).size, events.length);
      const said = events.flatMap(({ type, part }) =>
        type === 'message.part.updated' ? [partSchema.parse(part).text] : [],
      );
      assert.deepEqual(said, ['marmot', 'badger']);
      // The end of a turn comes after the last of it.
      assert.equal(events.findLast(({ type }) => type !== 'session.updated')?.type, 'session.idle');
      await quit(window);
      await client.until(id, 'parked');
      assert.equal((await look(id)).session.openIn, undefined);
    });

    test('failure 17: a prompt to a session open in a terminal is refused, and nothing is written', async () => {
      const { window, id } = await begun('heron');
      await settled(id, 1);
      const before = await transcriptOf(id);
      const refused = await client.ask('send_prompt', { session_id: id, text: '#say outside' });
      assert.deepEqual([refused.httpStatus, refused.code], [409, 'SESSION_OPEN_ELSEWHERE']);
      assert.equal(refused.error, `Session ${id} is open in a terminal (pid ${window.pid})`);
      const details = z
        .looseObject({ choices: z.array(z.string()), openIn: z.looseObject({ pid: z.number() }) })
        .parse(refused.details);
      assert.deepEqual([details.choices, details.openIn.pid], [['fork', 'queue', 'wait'], window.pid]);
      assert.equal(
        (await client.ask('send_prompt', { session_id: id, text: '#say x', when_open: 'queue' })).code,
        'CAPABILITY_UNSUPPORTED',
      );
      assert.equal(await transcriptOf(id), before);
      await user.prompt(window, '#say egret');
      await user.hears('egret');
      await settled(id, 2);
      assert.deepEqual(await textsOf(id), ['#say heron', 'heron', '#say egret', 'egret']);
      await quit(window);
    });

    test('failure 17: what the refusal keeps from being lost', async () => {
      const { window, id } = await begun('otter');
      // What a script does without asking anybody.
      await user.claude('-p', '--resume', id, '#say outsider');
      await eventually(async () => (await textsOf(id)).includes('outsider'), PATIENCE_MS);
      await user.prompt(window, '#say weasel');
      await user.hears('weasel');
      await eventually(async () => (await textsOf(id)).includes('weasel'), PATIENCE_MS);
      assert.deepEqual(await textsOf(id), ['#say otter', 'otter', '#say weasel', 'weasel']);
      await quit(window);
    });

    test('with when_open fork a copy up to the last written message takes the prompt', async () => {
      const { window, id } = await begun('lynx');
      const before = await transcriptOf(id);
      const sent = await client.ask('send_and_wait', { session_id: id, text: '#say kitten', when_open: 'fork' });
      assert.deepEqual([sent.ok, sent.via, sent.forkedFrom, sent.timedOut], [true, 'fork', id, false]);
      const fork = String(sent.sessionId);
      assert.notEqual(fork, id);
      await eventually(async () => (await textsOf(fork)).includes('kitten'), PATIENCE_MS);
      assert.deepEqual(await textsOf(fork), ['#say lynx', 'lynx', '#say kitten', 'kitten']);
      assert.equal(await transcriptOf(id), before);
      await quit(window);
    });

    test('a terminal whose program was killed has its session no more, also when nobody has taken notice', async () => {
      const { window, id } = await begun('lemming');
      await settled(id, 1);
      window.killUnnoticed();
      const turn = await client.ask('send_and_wait', { session_id: id, text: '#say survivor' });
      assert.deepEqual([turn.via, turn.timedOut], ['resume', false], JSON.stringify(turn));
      await eventually(async () => (await textsOf(id)).includes('survivor'), PATIENCE_MS);
      assert.deepEqual(await textsOf(id), ['#say lemming', 'lemming', '#say survivor', 'survivor']);
      await window.close();
    });

    test('a session begun here and opened in a terminal later is seen, and nothing that was driven here is told again', async () => {
      const { sessionId: id } = await client.create({ cwd: user.fixture.path('work') });
      await client.ask('send_and_wait', { session_id: id, text: '#say driven' });
      const { session } = await client.ask('get_session', { session_id: id });
      const agentSessionId = String(Object(session).agentSessionId);
      // It is live still, and lets go of what its user opens.
      const window = await user.open('--resume', agentSessionId);
      await isMirror(id);
      await user.prompt(window, '#say terminal');
      await user.hears('terminal');
      await settled(id, 2);
      assert.equal(
        (await client.ask('send_prompt', { session_id: id, text: '#say x' })).code,
        'SESSION_OPEN_ELSEWHERE',
      );
      await quit(window);
      await client.until(id, 'parked');
      const turn = await client.ask('send_and_wait', { session_id: id, text: '#say driven again' });
      assert.deepEqual([turn.via, turn.timedOut], ['resume', false]);
      await eventually(async () => (await textsOf(id)).includes('driven again'), PATIENCE_MS);
      const events = await client.events(id, cursorOf(id, 0));
      assert.deepEqual(
        ids(events),
        (await look(id)).messages.map(message => message.id),
      );
    });
  });

  test('with when_open wait a prompt is held, over a restart too, until the terminal is closed, and then follows what was said there', async () => {
    const { window, id } = await begun('swift');
    await settled(id, 1);
    const held = await client.ask('send_prompt', { session_id: id, text: '#say after all', when_open: 'wait' });
    assert.deepEqual([held.ok, held.via, held.position], [true, 'queue', 1]);
    await user.server.stop();
    await user.startServer();
    await isMirror(id);
    await user.prompt(window, '#say meanwhile');
    await user.hears('meanwhile');
    await settled(id, 2);
    await quit(window);
    await eventually(async () => {
      const ends = await client.ends(id, String(held.cursor));
      return ends.some(({ turnId }) => turnId === held.turnId);
    }, PATIENCE_MS);
    const ends = await client.ends(id, String(held.cursor));
    assert.deepEqual(
      ends.filter(({ turnId }) => turnId === held.turnId),
      [{ turnId: held.turnId, outcome: 'completed' }],
    );
    await eventually(async () => (await textsOf(id)).includes('after all'), PATIENCE_MS);
    const texts = ['#say swift', 'swift', '#say meanwhile', 'meanwhile', '#say after all', 'after all'];
    assert.deepEqual(await textsOf(id), texts);
    const events = await client.events(id, cursorOf(id, 0));
    assert.deepEqual(
      ids(events),
      (await look(id)).messages.map(message => message.id),
    );
  });

  for (const [how, words] of [
    ['by its id', (id: string) => ['--resume', id]],
    ['as the latest', () => ['--continue']],
  ] as const) {
    test(`a session that a terminal is just opening ${how} is open already: a prompt is refused, and nothing is lost`, async () => {
      const word = how.replaceAll(' ', '');
      const { window: first, id } = await begun(word);
      await settled(id, 1);
      await quit(first);
      await client.until(id, 'parked');
      const window = await user.begin(...words(id));
      const refused = await client.ask('send_prompt', { session_id: id, text: '#say outside' });
      assert.deepEqual(
        [refused.code, refused.error],
        ['SESSION_OPEN_ELSEWHERE', `Session ${id} is open in a terminal (pid ${window.pid})`],
      );
      await window.until(READY);
      await user.prompt(window, `#say ${word} again`);
      await user.hears(`${word} again`);
      await settled(id, 2);
      assert.deepEqual(await textsOf(id), [`#say ${word}`, word, `#say ${word} again`, `${word} again`]);
      await quit(window);
    });
  }
});
