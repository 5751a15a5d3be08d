import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { codexLines, CWD, testPlace, testUuid } from './transcripts-for-tests.ts';

const READ = { limit: 50, maxPartChars: 4000 };

test('Codex: prompts, calls, results and answers, once each and without instructions', async () => {
  await using place = await testPlace();
  const id = testUuid();
  await place.write(`codex/sessions/2026/11/21/rollout-2026-11-21T12-00-00-${id}.jsonl`, codexLines(id));
  await using history = await place.open();
  const found = await history.messages({ id, ...READ });
  assert.deepEqual(
    found?.messages.map(({ role, parts: [part] }) => [role, part?.type]),
    [
      ['user', 'text'],
      ['assistant', 'tool_use'],
      ['user', 'tool_result'],
      ['assistant', 'text'],
    ],
  );
  assert.equal(found.session.title, 'Look around');
  assert.equal(found.session.model, 'gpt-x');
  assert.equal(found.session.resumeCommand, `cd ${CWD} && codex resume ${id}`);
  const call = found.messages[1]?.parts[0];
  assert.ok(call?.type === 'tool_use');
  assert.deepEqual([call.state, call.resultText, call.input], ['completed', 'one file', { cmd: 'ls /codexdir' }]);
  assert.equal((await history.search({ query: 'secretinstructions', limit: 5 })).results.length, 0);
  assert.equal((await history.search({ query: 'around', limit: 5 })).results[0]?.matches, 1);
});

test('Codex: without a record of each call the running totals are taken apart', async () => {
  await using place = await testPlace();
  const id = testUuid();
  const count = (total: number, last: number) => {
    const usage = (tokens: number) => ({
      input_tokens: tokens,
      cached_input_tokens: 0,
      output_tokens: 1,
      total_tokens: tokens + 1,
    });
    const payload = { type: 'token_count', info: { total_token_usage: usage(total), last_token_usage: usage(last) } };
    return `${JSON.stringify({ timestamp: '2026-11-21T12:00:00.000Z', type: 'event_msg', payload })}\n`;
  };
  const lines = codexLines(id)
    .split('\n')
    .filter(line => line !== '' && !/token_/.test(line))
    .join('\n');
  // The same count is written again whenever limits are told of.
  const file = await place.write(
    `codex/sessions/2026/11/21/rollout-${id}.jsonl`,
    `${lines}\n${count(10, 10)}${count(10, 10)}`,
  );
  await using history = await place.open();
  assert.equal((await history.usage({})).totalInputTokens, 10);
  await appendFile(file, count(25, 15));
  await history.refresh();
  assert.equal((await history.usage({})).totalInputTokens, 25);
});

test('Gemini: a message that is written again with its tools stays one, and a resume repeats nothing', async () => {
  await using place = await testPlace();
  const id = testUuid();
  const at = (second: number) => `2026-11-21T12:00:0${second}.000Z`;
  const context = {
    id: 'ctx',
    timestamp: at(0),
    type: 'user',
    content: [{ text: '<session_context>\nhiddencontext\n</session_context>' }],
  };
  const prompt = { id: 'u1', timestamp: at(1), type: 'user', content: [{ text: 'Count the stars' }] };
  const answer = {
    id: 'g1',
    timestamp: at(2),
    type: 'gemini',
    content: 'Counting',
    thoughts: [{ subject: 'Plan', description: 'look up' }],
    tokens: { input: 100, output: 20, cached: 4, thoughts: 2, tool: 0, total: 122 },
    model: 'gemini-x',
  };
  const call = {
    id: 'call_1',
    name: 'run_shell_command',
    args: { command: 'telescope' },
    status: 'success',
    result: [{ functionResponse: { id: 'call_1', name: 'x', response: { output: 'many stars' } } }],
  };
  const header = { sessionId: id, projectHash: 'x', startTime: at(0), lastUpdated: at(0), kind: 'main' };
  const rows = [
    header,
    { $set: { messages: [context], lastUpdated: at(0) } },
    prompt,
    { $set: { lastUpdated: at(1) } },
    answer,
    { ...answer, toolCalls: [call] },
    header,
    {
      $set: {
        messages: [
          context,
          { ...prompt, timestamp: at(5) },
          { id: 'g1', timestamp: at(5), type: 'gemini', content: [{ text: 'Counting' }] },
        ],
      },
    },
    { id: 'u2', timestamp: at(6), type: 'user', content: [{ text: 'Thanks' }] },
  ];
  await place.write(
    `gemini/tmp/sky/chats/session-2026-11-21T12-00-${id.slice(0, 8)}.jsonl`,
    rows.map(row => `${JSON.stringify(row)}\n`).join(''),
  );
  await place.write('gemini/tmp/sky/.project_root', '/home/someone/sky');
  await using history = await place.open();
  const found = await history.messages({ id, ...READ });
  assert.deepEqual(
    found?.messages.map(message => message.id),
    ['u1', 'g1', 'u2'],
  );
  assert.equal(found.session.cwd, '/home/someone/sky');
  assert.equal(found.session.title, 'Count the stars');
  const tool = found.messages[1]?.parts.find(part => part.type === 'tool_use');
  assert.deepEqual([tool?.state, tool?.resultText], ['completed', 'many stars']);
  assert.equal((await history.search({ query: 'stars', role: 'tool', limit: 5 })).results.length, 1);
  assert.equal((await history.search({ query: 'hiddencontext', limit: 5 })).results.length, 0);
  const usage = await history.usage({});
  assert.deepEqual([usage.totalInputTokens, usage.totalCacheReadTokens, usage.totalOutputTokens], [96, 4, 22]);
});

test('Gemini: the one-object files of earlier versions are read whole, also when they are written again', async () => {
  await using place = await testPlace();
  const id = testUuid();
  const whole = (texts: readonly string[]) =>
    JSON.stringify(
      {
        sessionId: id,
        projectHash: 'h',
        startTime: '2026-11-21T12:00:00.000Z',
        messages: texts.map((text, at) => ({
          id: `m${at}`,
          timestamp: '2026-11-21T12:00:00.000Z',
          type: 'user',
          content: text,
        })),
      },
      null,
      2,
    );
  const path = 'gemini/tmp/p/chats/session-old.json';
  await place.write('gemini/projects.json', JSON.stringify({ projects: { '/home/someone/p': 'p' } }));
  await place.write(path, whole(['one']));
  await using history = await place.open();
  await place.write(path, whole(['one', 'two']));
  await history.refresh();
  const found = await history.messages({ id, ...READ });
  assert.deepEqual(
    found?.messages.map(message => message.id),
    ['m0', 'm1'],
  );
  assert.equal(found.session.cwd, '/home/someone/p');
});

test('OpenCode: its database is read while OpenCode writes it, and only what changed is told', async () => {
  await using place = await testPlace();
  await mkdir(place.roots.opencode, { recursive: true });
  const database = new Database(join(place.roots.opencode, 'opencode.db'));
  database.pragma('journal_mode = WAL');
  database.exec(`
    create table session (id text primary key, directory text, title text, time_created integer, time_updated integer);
    create table message (id text primary key, session_id text, time_created integer, data text);
    create table part (id text primary key, message_id text, session_id text, data text);
    insert into session values ('ses_1', '/home/someone/open', 'Given title', 1000, 2000);
    insert into message values ('msg_1', 'ses_1', 1000, '{"role":"user"}'), ('msg_x', 'ses_1', 1001, 'torn');
    insert into part values ('prt_1', 'msg_1', 'ses_1', '{"type":"text","text":"Open the gate"}')`);
  await using history = await place.open();
  const [session] = (await history.sessions({ limit: 5 })).sessions;
  assert.match(session?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(
    [session?.agentSessionId, session?.title, session?.cwd],
    ['ses_1', 'Given title', '/home/someone/open'],
  );
  assert.equal((await history.status()).badLines, 1);
  const end = new AbortController();
  const changes = history.changes(end.signal)[Symbol.asyncIterator]();
  const tool = {
    type: 'tool',
    tool: 'bash',
    callID: 'c1',
    state: { status: 'completed', input: { command: 'ls' }, output: 'gatekeeper' },
  };
  database.transaction(() => {
    const data = {
      role: 'assistant',
      modelID: 'm',
      cost: 0.5,
      tokens: { input: 9, output: 3, reasoning: 1, cache: { read: 2, write: 1 } },
    };
    database.prepare(`insert into message values ('msg_2', 'ses_1', 3000, ?)`).run(JSON.stringify(data));
    database.prepare(`insert into part values ('prt_2', 'msg_2', 'ses_1', ?)`).run(JSON.stringify(tool));
    database.exec(`update session set time_updated = 3000`);
  })();
  const { value } = await changes.next();
  assert.deepEqual(
    value?.messages.map(({ id }: { id: string }) => id),
    ['msg_2'],
  );
  end.abort();
  database.close();
  assert.equal((await history.search({ query: 'gatekeeper', role: 'tool', limit: 5 })).results[0]?.agent, 'opencode');
  const usage = await history.usage({});
  assert.deepEqual(
    [usage.totalInputTokens, usage.totalOutputTokens, usage.totalCostUsd, usage.unpricedSessions],
    [9, 4, 0.5, 0],
  );
  assert.equal(
    (await history.messages({ id: 'ses_1', ...READ }))?.messages.length,
    2,
    "the agent's own id names it too",
  );
});

test('OpenCode: reading a database that is closed leaves nothing beside it', async () => {
  await using place = await testPlace();
  await mkdir(place.roots.opencode, { recursive: true });
  const database = new Database(join(place.roots.opencode, 'opencode.db'));
  database.pragma('journal_mode = WAL');
  database.exec(`
    create table session (id text primary key, directory text, title text, time_created integer, time_updated integer);
    create table message (id text primary key, session_id text, time_created integer, data text);
    create table part (id text primary key, message_id text, session_id text, data text);
    insert into session values ('ses_1', '/home/someone/open', 'Closed', 1000, 2000);
    insert into message values ('msg_1', 'ses_1', 1000, '{"role":"user"}');
    insert into part values ('prt_1', 'msg_1', 'ses_1', '{"type":"text","text":"Shut the gate"}')`);
  database.close();
  await using history = await place.open();
  assert.equal((await history.search({ query: 'gate', limit: 5 })).results.length, 1);
  assert.deepEqual(await readdir(place.roots.opencode), ['opencode.db']);
});

test('OpenCode: what is no database of its is left alone', async () => {
  await using place = await testPlace();
  await place.write('opencode/opencode.db', 'something else entirely');
  const errors: string[] = [];
  await using history = await place.open({ onError: message => errors.push(message) });
  assert.deepEqual((await history.sessions({ limit: 5 })).sessions, []);
  assert.deepEqual(errors, []);
});
