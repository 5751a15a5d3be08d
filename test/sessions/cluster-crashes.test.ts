import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { scratchDirectory } from '../support/server.ts';
import { agentsOf, marks, marksIn, PATIENCE_MS, sessionClient } from '../support/session-client.ts';

describe('sessions of a cluster after crashes', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let cluster: Cluster;
  let root: string;
  const client = sessionClient(() => cluster.url);
  const project = async (name: string) => {
    const cwd = join(root, name);
    await mkdir(cwd, { recursive: true });
    return cwd;
  };
  const left = async (cwd: string) => (await agentsOf({ cwd })).map(({ line }) => line);

  before(async () => {
    scratch = await scratchDirectory();
    root = join(scratch.path, 'projects');
    await mkdir(root);
    const env = { BOXSWAIN_SESSIONS_ROOTS: root, HOME: scratch.path };
    cluster = await startCluster({ hubs: 2, workers: 1, env });
  });
  after(async () => {
    await cluster.close();
    assert.deepEqual(await left(root), []);
    await scratch.remove();
  });

  test('a hub that is killed while a tool runs takes nothing along: the tool goes on, and its turn ends once', async () => {
    const cwd = await project('hub');
    const [file, gate] = [join(scratch.path, 'hub.marks'), join(scratch.path, 'hub.gate')];
    const { sessionId, cursor } = await client.create({ cwd, agent: 'scripted', permission_mode: 'auto' });
    const held = `; until [ -e ${gate} ]; do sleep 0.05; done; echo ended >> ${file}`;
    const first = await client.send(sessionId, marks(file, 'first', held));
    await eventually(async () => (await marksIn(file)).length === 1, PATIENCE_MS);
    const second = await client.send(sessionId, marks(file, 'second'));
    const agent = async () => (await left(cwd)).filter(line => line.includes('agent.'));
    const before = await agent();
    await cluster.hubs[0]?.kill();
    assert.deepEqual(await agent(), before);
    await mkdir(gate);
    await eventually(async () => (await client.ends(sessionId, cursor)).length === 2, PATIENCE_MS);
    assert.deepEqual(await client.ends(sessionId, cursor), [
      { turnId: first.turnId, outcome: 'completed' },
      { turnId: second.turnId, outcome: 'completed' },
    ]);
    assert.deepEqual(await marksIn(file), ['first', 'ended', 'second']);
    await client.ask('dispose_session', { session_id: sessionId });
    await cluster.startHub('hub-1');
  });

  test('a worker that is killed while a session waits for leave: it says so, leaves no orphan, and goes on', async () => {
    const cwd = await project('worker');
    const file = join(scratch.path, 'worker.marks');
    const { sessionId, cursor } = await client.create({ cwd, agent: 'scripted' });
    const turn = await client.send(sessionId, `#tool Other {}\n${marks(file, 'never')}`);
    const request_id = await client.pending(sessionId);
    const waiting = await client.send(sessionId, '#say it is back');
    const [worker] = cluster.workers;
    assert.ok(worker);
    await worker.kill();
    await client.until(sessionId, 'failed');
    assert.equal((await client.session(sessionId)).statusReason, 'the worker that drove it is gone');
    const answer = await client.ask('respond_permission', { session_id: sessionId, request_id, behavior: 'allow' });
    assert.equal(answer.code, 'PERMISSION_NOT_PENDING');
    assert.deepEqual(await client.ends(sessionId, cursor), [{ turnId: turn.turnId, outcome: 'interrupted' }]);
    const refused = await client.ask('create_session', { cwd, agent: 'scripted' });
    assert.ok(['AGENT_UNAVAILABLE', 'WORKER_UNREACHABLE', 'NO_WORKER_AVAILABLE'].includes(String(refused.code)));
    await cluster.startWorker(worker.id);
    await eventually(async () => (await client.ends(sessionId, cursor)).length === 2, PATIENCE_MS);
    assert.deepEqual((await client.ends(sessionId, cursor)).at(-1), { turnId: waiting.turnId, outcome: 'completed' });
    assert.deepEqual(await marksIn(file), []);
    await client.until(sessionId, 'idle');
    assert.equal((await left(cwd)).length, 1);
    await client.ask('dispose_session', { session_id: sessionId });
    assert.deepEqual(await left(cwd), []);
  });

  test('failure 18: a worker that is killed leaves no agent, and nothing that one ran, after its next start', async () => {
    const cwd = await project('orphans');
    const { sessionId } = await client.create({ cwd, agent: 'scripted', permission_mode: 'auto' });
    await client.send(sessionId, '#tool Bash {"command": "setsid sleep 622 & sleep 623"}');
    await eventually(async () => (await left(cwd)).length >= 3, PATIENCE_MS);
    const worker = cluster.workers.at(-1);
    assert.ok(worker);
    await worker.kill();
    await cluster.startWorker(worker.id);
    assert.deepEqual(await left(cwd), []);
    await client.until(sessionId, 'failed');
  });
});
