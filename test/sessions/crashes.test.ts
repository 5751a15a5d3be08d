import assert from 'node:assert/strict';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { agentsOf, marks, marksIn, PATIENCE_MS, sessionClient } from '../support/session-client.ts';

const ROUNDS = 3;
const SESSIONS = 20;

describe('sessions after crashes', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  const client = sessionClient(() => server.url);
  const path = (...names: string[]) => join(scratch.path, ...names);
  const start = async () => {
    server = await startServer({
      directory: path('data'),
      env: { BOXSWAIN_SESSIONS_ROOTS: path('projects'), BOXSWAIN_SESSIONS_MAX_LIVE: '30', HOME: path('home') },
    });
  };
  const project = async (name: string) => {
    const cwd = path('projects', name);
    await mkdir(cwd, { recursive: true });
    return cwd;
  };
  const create = (cwd: string, permission_mode = 'auto') => client.create({ cwd, agent: 'scripted', permission_mode });
  const left = async (cwd: string) => (await agentsOf({ cwd })).map(({ line }) => line);

  before(async () => {
    scratch = await scratchDirectory();
    await mkdir(path('home'));
    await start();
  });
  after(async () => {
    await server.stop();
    assert.deepEqual(await left(path('projects')), []);
    await scratch.remove();
  });

  test('an agent that is killed in mid-turn: its turn is reported, what waits is run, nothing is left', async () => {
    const cwd = await project('agent-killed');
    const file = path('agent-killed.marks');
    const { sessionId, cursor } = await create(cwd);
    const first = await client.send(sessionId, marks(file, 'first', '; sleep 613'));
    await eventually(async () => (await marksIn(file)).length === 1, PATIENCE_MS);
    const second = await client.send(sessionId, marks(file, 'second'));
    const before = await agentsOf({ cwd });
    const agent = before.find(({ line }) => line.includes('agent.')) ?? assert.fail('no agent');
    process.kill(agent.pid, 'SIGKILL');
    await eventually(async () => (await client.ends(sessionId, cursor)).length === 2, PATIENCE_MS);
    assert.deepEqual(await client.ends(sessionId, cursor), [
      { turnId: first.turnId, outcome: 'failed' },
      { turnId: second.turnId, outcome: 'completed' },
    ]);
    assert.deepEqual(await marksIn(file), ['first', 'second']);
    await client.until(sessionId, 'idle');
    const now = await agentsOf({ cwd });
    assert.deepEqual(
      now.filter(({ pid }) => before.some(one => one.pid === pid)),
      [],
    );
  });

  test('a server that is killed while a tool runs: no orphan, the turn is interrupted, what waited is run once', async () => {
    const cwd = await project('server-killed');
    const file = path('server-killed.marks');
    const { sessionId, cursor } = await create(cwd);
    const first = await client.send(sessionId, marks(file, 'first', '; setsid sleep 614 & sleep 615'));
    await eventually(async () => (await marksIn(file)).length === 1, PATIENCE_MS);
    const second = await client.send(sessionId, marks(file, 'second'));
    assert.equal(second.via, 'queue');
    const before = await agentsOf({ cwd });
    await server.kill();
    await start();
    await eventually(async () => (await client.ends(sessionId, cursor)).length === 2, PATIENCE_MS);
    const outcomes = await client.ends(sessionId, cursor);
    assert.deepEqual(
      outcomes.map(({ turnId }) => turnId),
      [first.turnId, second.turnId],
    );
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ['interrupted', 'completed'],
    );
    assert.deepEqual(await marksIn(file), ['first', 'second']);
    const now = await agentsOf({ cwd });
    assert.deepEqual(
      now.filter(({ pid }) => before.some(one => one.pid === pid)),
      [],
    );
    const third = await client.ask('send_and_wait', { session_id: sessionId, text: '#say alive' });
    assert.deepEqual([third.ok, third.timedOut, third.status], [true, false, 'idle']);
  });

  test('a server that is killed at any moment runs an accepted prompt once, or says that it was interrupted', async () => {
    const cwd = await project('any-moment');
    const file = path('any-moment.marks');
    const { sessionId, cursor } = await create(cwd);
    const accepted: { turnId: string; word: string }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const word of [`${round}-a`, `${round}-b`])
        accepted.push({ word, turnId: (await client.send(sessionId, marks(file, word))).turnId });
      // Each round a little later: after the prompt was accepted, given, begun, run.
      await eventually(async () => (await client.events(sessionId, cursor)).length >= round * 7, PATIENCE_MS);
      await server.kill();
      await start();
    }
    await eventually(async () => (await client.ends(sessionId, cursor)).length >= accepted.length, PATIENCE_MS);
    const outcomes = new Map((await client.ends(sessionId, cursor)).map(({ turnId, outcome }) => [turnId, outcome]));
    const found = await marksIn(file);
    assert.equal(new Set(found).size, found.length, `run twice: ${found.join()}`);
    assert.equal((await client.ends(sessionId, cursor)).length, accepted.length, 'a turn ended twice');
    for (const { turnId, word } of accepted) {
      const outcome = outcomes.get(turnId);
      if (outcome === 'completed') assert.ok(found.includes(word), `${word} is said to have run`);
      else assert.equal(outcome, 'interrupted', word);
    }
  });

  test('a server that is killed while it waits for leave: the request has ended, the session goes on', async () => {
    const cwd = await project('waiting');
    const file = path('waiting.marks');
    const { sessionId, cursor } = await create(cwd, 'default');
    await client.send(sessionId, marks(file, 'never'));
    const request_id = await client.pending(sessionId);
    await server.kill();
    await start();
    await eventually(async () => (await client.ends(sessionId, cursor)).length === 1, PATIENCE_MS);
    const answer = await client.ask('respond_permission', { session_id: sessionId, request_id, behavior: 'allow' });
    assert.equal(answer.code, 'PERMISSION_NOT_PENDING');
    assert.deepEqual(await marksIn(file), []);
    assert.deepEqual(await left(cwd), []);
    const next = await client.ask('send_and_wait', { session_id: sessionId, text: '#say on' });
    assert.deepEqual([next.ok, next.status], [true, 'idle']);
  });

  test('torn records of processes do not keep a server from starting', async () => {
    const cwd = await project('torn');
    const { sessionId } = await create(cwd);
    await client.send(sessionId, '#tool Bash {"command": "setsid sleep 618 & sleep 619"}');
    await eventually(async () => (await left(cwd)).length >= 3, PATIENCE_MS);
    await server.kill();
    const records = path('data', 'agents', 'processes');
    const names = await readdir(records);
    assert.ok(names.length > 0);
    for (const name of names) await writeFile(join(records, name), '{"mark":"BOXSW');
    await writeFile(join(records, 'other.json.new'), '');
    await utimes(join(records, 'other.json.new'), 1, 1);
    await start();
    assert.deepEqual(await left(cwd), []);
    assert.deepEqual(await readdir(records), []);
    const next = await client.ask('send_and_wait', { session_id: sessionId, text: '#say on' });
    assert.deepEqual([next.ok, next.status], [true, 'idle']);
  });

  test(`failure 18: ${SESSIONS} sessions created and disposed leave no process, nor does a killed server`, async () => {
    const cwd = await project('many');
    const made = await Promise.all(Array.from({ length: SESSIONS }, () => create(cwd)));
    await Promise.all(made.map(({ sessionId }) => client.send(sessionId, '#slow 1000 1000')));
    await Promise.all(made.map(({ sessionId }) => client.ask('dispose_session', { session_id: sessionId })));
    assert.deepEqual(await left(cwd), []);
    const { sessionId } = await create(cwd);
    await client.send(sessionId, '#tool Bash {"command": "setsid sleep 616 & sleep 617"}');
    await eventually(async () => (await left(cwd)).length >= 3, PATIENCE_MS);
    await server.kill();
    await start();
    assert.deepEqual(await left(cwd), []);
    assert.equal((await client.session(sessionId)).status, 'failed');
  });
});
