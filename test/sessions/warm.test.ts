import assert from 'node:assert/strict';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { prepareAgents, type RealAgents } from '../support/real-agents.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { agentsOf, PATIENCE_MS, sessionClient } from '../support/session-client.ts';

describe('agents that are started ahead of sessions', { skip: process.availableMemory() < 3 * 2 ** 30 }, () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let agents: RealAgents;
  let server: RunningServer;
  let root: string;
  let cwd: string;
  const client = sessionClient(() => server.url);
  const leaders = async (agent: string) => {
    const name = agent === 'claude' ? '/claude ' : 'scripted/agent.';
    return (await agentsOf({ cwd, home: agents.env.HOME })).filter(({ line }) => line.includes(name));
  };
  const start = async () => {
    const env = { ...agents.env, BOXSWAIN_SESSIONS_ROOTS: cwd, BOXSWAIN_SESSIONS_WARM_AGENTS: '1' };
    server = await startServer({ directory: join(root, 'data'), env });
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
    assert.deepEqual(await agentsOf({ cwd, home: agents.env.HOME }), []);
    await agents.close();
    await scratch.remove();
  });

  for (const agent of ['scripted', 'claude']) {
    test(`a session with ${agent} is had from one, asks for leave as any, and the last one takes it along`, async () => {
      const first = await client.create({ cwd, agent });
      await eventually(async () => (await leaders(agent)).length === 2, PATIENCE_MS);
      const ahead = await leaders(agent);
      const second = await client.create({ cwd, agent });
      await eventually(async () => (await leaders(agent)).length === 3, PATIENCE_MS);
      const now = await leaders(agent);
      assert.ok(
        ahead.every(({ pid }) => now.some(one => one.pid === pid)),
        'it was not used',
      );
      const file_path = join(cwd, `${agent}-ahead.txt`);
      const session_id = second.sessionId;
      await client.send(session_id, `#tool Write ${JSON.stringify({ file_path, content: 'x' })}\n#say written`);
      const request_id = await client.pending(session_id);
      assert.equal((await client.ask('respond_permission', { session_id, request_id, behavior: 'allow' })).ok, true);
      await client.until(session_id, 'idle');
      for (const { sessionId } of [first, second]) await client.ask('dispose_session', { session_id: sessionId });
      await eventually(async () => (await leaders(agent)).length === 0, PATIENCE_MS);
    });

    test(`one of ${agent} that a killed server left is ended at the next start`, async () => {
      await client.create({ cwd, agent });
      await eventually(async () => (await leaders(agent)).length === 2, PATIENCE_MS);
      await server.kill();
      await start();
      assert.deepEqual(await leaders(agent), []);
    });
  }
});
