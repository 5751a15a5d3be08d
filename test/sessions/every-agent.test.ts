import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { prepareAgents, type RealAgents } from '../support/real-agents.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { agentsOf, PATIENCE_MS, sessionClient } from '../support/session-client.ts';

const SLOW = '#slow 2000 20';
const claudeWrites = (path: string, content: string) => `#tool Write ${JSON.stringify({ file_path: path, content })}`;

/**
 * What a prompt must say to make each agent write a file, which it asks leave for; the input that writes another; and what it says that
 * 150 tokens read and 30 written cost.
 */
const kinds = [
  {
    agent: 'scripted',
    sessions: 20,
    writes: claudeWrites,
    rewritten: (path: string, content: string) => ({ file_path: path, content }),
    canRewrite: true,
    cost: null,
  },
  {
    agent: 'claude',
    sessions: 2,
    writes: claudeWrites,
    rewritten: (path: string, content: string) => ({ file_path: path, content }),
    canRewrite: true,
    cost: 0.0012,
  },
  {
    agent: 'codex',
    sessions: 2,
    writes: (path: string, content: string) => {
      const permission = { justification: 'the test wants it', sandbox_permissions: 'require_escalated' };
      return `#tool exec_command ${JSON.stringify({ cmd: `echo '${content}' > ${path}`, ...permission })}`;
    },
    rewritten: (path: string, content: string) => ({ cmd: `echo '${content}' > ${path}` }),
    canRewrite: false,
    cost: null,
  },
];

const listedSchema = z.looseObject({
  ...{ id: z.string(), agent: z.string(), cwd: z.string(), projectSlug: z.string() },
  usage: z.object({ inputTokens: z.number(), outputTokens: z.number(), costUsd: z.number().nullable() }),
});
const countedSchema = z.object({ totalSessions: z.number(), totalCostUsd: z.number(), unpricedSessions: z.number() });

/** Sums of prices differ by what floating point leaves out. */
const micros = (usd: number | null | undefined) => (typeof usd === 'number' ? Math.round(usd * 1e9) / 1e3 : usd);

describe('failures of the earlier system, with every agent', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let agents: RealAgents;
  let server: RunningServer;
  let root: string;
  let cwd: string;
  const client = sessionClient(() => server.url);
  const start = async () => {
    const env = { ...agents.env, BOXSWAIN_SESSIONS_ROOTS: cwd, BOXSWAIN_SESSIONS_MAX_LIVE: '30' };
    server = await startServer({ directory: join(root, 'data'), env });
  };
  const left = async () => (await agentsOf({ cwd, home: agents.env.HOME })).map(({ line }) => line);
  const create = (agent: string) => client.create({ cwd, agent });
  const idle = async (sessionId: string, text: string) => {
    const turn = await client.ask('send_and_wait', { session_id: sessionId, text, timeout_ms: PATIENCE_MS });
    assert.deepEqual([turn.ok, turn.timedOut, turn.status], [true, false, 'idle'], JSON.stringify(turn).slice(0, 500));
    return JSON.stringify(turn.messages);
  };
  const slowTurn = async (sessionId: string) => {
    const sent = await client.send(sessionId, SLOW);
    const { cursor } = Object(sent);
    await eventually(
      async () => (await client.events(sessionId, cursor)).some(({ delta }) => delta?.includes('word')),
      PATIENCE_MS,
    );
    return { ...sent, cursor: String(cursor) };
  };

  before(async () => {
    scratch = await scratchDirectory();
    root = await realpath(scratch.path);
    cwd = join(root, 'project');
    await mkdir(cwd);
    agents = await prepareAgents({ folder: root, project: cwd });
    await start();
  });
  after(async () => {
    await server.stop();
    assert.deepEqual(await left(), []);
    await agents.close();
    await scratch.remove();
  });

  for (const { agent, sessions, writes, rewritten, canRewrite, cost } of kinds) {
    test(`failure 2: after an abort, kill -9 and a dispose of ${agent} the next prompt has events and an end`, async () => {
      const { sessionId } = await create(agent);
      const aborted = await slowTurn(sessionId);
      const { aborted: wasAborted, status } = await client.ask('abort_session', { session_id: sessionId });
      assert.deepEqual([wasAborted, status], [true, 'idle']);
      assert.deepEqual(await client.ends(sessionId, aborted.cursor), [{ turnId: aborted.turnId, outcome: 'aborted' }]);
      assert.match(await idle(sessionId, '#say after the abort'), /after the abort/);

      const killed = await slowTurn(sessionId);
      for (const { pid } of await agentsOf({ cwd, home: agents.env.HOME })) process.kill(pid, 'SIGKILL');
      await client.until(sessionId, 'failed');
      assert.deepEqual(await client.ends(sessionId, killed.cursor), [{ turnId: killed.turnId, outcome: 'failed' }]);
      assert.match(await idle(sessionId, '#say after the kill'), /after the kill/);

      const disposed = await slowTurn(sessionId);
      const closed = await client.ask('dispose_session', { session_id: sessionId });
      assert.deepEqual([closed.disposed, closed.status], [true, 'closed']);
      assert.equal((await client.ends(sessionId, disposed.cursor)).length, 1);
      assert.match(await idle(sessionId, '#say after the dispose\n#recall'), /after the kill|#say after the dispose/);
      await client.ask('dispose_session', { session_id: sessionId });
    });

    test(`failure 12: a tool of ${agent} that needs leave asks, waits and follows the answer`, async () => {
      const { sessionId } = await create(agent);
      const path = (name: string) => join(cwd, `${agent}-${name}`);
      const asked = async (name: string) => {
        const sent = await client.send(sessionId, writes(path(name), 'as asked'));
        const request_id = await client.pending(sessionId);
        const events = await client.events(sessionId, String(Object(sent).cursor));
        assert.equal(events.filter(({ type }) => type === 'permission_request').length, 1);
        assert.equal((await client.session(sessionId)).status, 'waiting_permission');
        assert.equal(existsSync(path(name)), false, 'it did not wait');
        return { request_id, session_id: sessionId };
      };
      const allowed = await asked('allowed');
      assert.equal((await client.ask('respond_permission', { ...allowed, behavior: 'allow' })).ok, true);
      await client.until(sessionId, 'idle');
      assert.equal((await readFile(path('allowed'), 'utf8')).trim(), 'as asked');

      const denied = await asked('denied');
      assert.equal((await client.ask('respond_permission', { ...denied, behavior: 'deny' })).ok, true);
      await client.until(sessionId, 'idle');
      assert.equal(existsSync(path('denied')), false);

      const changed = await asked('changed');
      const updated_input = rewritten(path('changed'), 'as answered');
      const answer = await client.ask('respond_permission', { ...changed, behavior: 'allow', updated_input });
      if (canRewrite) {
        await client.until(sessionId, 'idle');
        assert.equal((await readFile(path('changed'), 'utf8')).trim(), 'as answered');
      } else {
        assert.equal(answer.code, 'CAPABILITY_UNSUPPORTED');
        assert.equal((await client.session(sessionId)).status, 'waiting_permission');
        assert.equal((await client.ask('respond_permission', { ...changed, behavior: 'deny' })).ok, true);
        await client.until(sessionId, 'idle');
        assert.equal(existsSync(path('changed')), false);
      }
      await client.ask('dispose_session', { session_id: sessionId });
    });

    test(`a session with ${agent} is listed, and its tokens and cost are what the model said`, async () => {
      const folder = join(cwd, `counted-${agent}`);
      await mkdir(folder);
      const { sessionId } = await client.create({ cwd: folder, agent });
      await idle(sessionId, '#say one\n#usage 100 20');
      await idle(sessionId, '#say two\n#usage 50 10');
      await client.ask('dispose_session', { session_id: sessionId });
      const { sessions: listed } = await client.ask('list_sessions', { agent });
      const session = z
        .array(listedSchema)
        .parse(listed)
        .find(({ id }) => id === sessionId);
      const sums = { inputTokens: 150, outputTokens: 30 };
      assert.ok(session, 'it is listed');
      const { costUsd, ...tokens } = session.usage;
      assert.deepEqual([session.agent, session.cwd, tokens], [agent, folder, sums]);
      assert.equal(micros(costUsd), micros(cost));
      let usage = {};
      // Summed up from the transcripts that the agents write themselves.
      await eventually(async () => {
        const told = await client.ask('get_observability', { slug: session.projectSlug, agent });
        usage = { ...told };
        return told.totalInputTokens === sums.inputTokens && told.totalOutputTokens === sums.outputTokens;
      }, PATIENCE_MS).catch(error => assert.fail(`${error.message}: ${JSON.stringify(usage)}`));
      const { totalSessions, totalCostUsd, unpricedSessions } = countedSchema.parse(usage);
      assert.deepEqual([totalSessions, unpricedSessions], [1, cost === null ? 1 : 0]);
      assert.equal(micros(totalCostUsd), micros(cost ?? 0));
    });

    test(`failure 18: sessions with ${agent} leave no process when they are disposed, nor when the server is killed`, async () => {
      const passing = async (_: unknown, at: number) => {
        const { sessionId } = await create(agent);
        if (at % 2 === 0) await client.send(sessionId, SLOW);
        await client.ask('dispose_session', { session_id: sessionId });
      };
      await Promise.all(Array.from({ length: sessions }, passing));
      await eventually(async () => (await left()).length === 0, PATIENCE_MS);
      const { sessionId } = await create(agent);
      await slowTurn(sessionId);
      assert.notDeepEqual(await left(), []);
      await server.kill();
      await start();
      assert.deepEqual(await left(), []);
      assert.equal((await client.session(sessionId)).status, 'failed');
      assert.match(await idle(sessionId, '#say again'), /again/);
      await client.ask('dispose_session', { session_id: sessionId });
    });
  }
});
