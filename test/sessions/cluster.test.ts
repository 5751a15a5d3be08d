import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { messageOf, post } from '../mcp/clients.ts';
import { type Cluster, isRunning, startCluster } from '../support/cluster.ts';
import { pollingReader, streamingReader } from '../support/event-readers.ts';
import { eventually } from '../support/eventually.ts';
import { initialize } from '../support/session-server.ts';
import { type RunningServer, scratchDirectory } from '../support/server.ts';
import { agentsOf, marks, marksIn, PATIENCE_MS, sessionClient } from '../support/session-client.ts';

describe('sessions of a cluster', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let cluster: Cluster;
  let root: string;
  /** Another hub each time, as long as there are several. */
  let turn = 0;
  const url = (): string => {
    const running = cluster.hubs.filter(isRunning);
    return running[turn++ % running.length]?.url ?? assert.fail('no hub runs');
  };
  const client = sessionClient(url);
  const project = async (name: string) => {
    const cwd = join(root, name);
    await mkdir(cwd, { recursive: true });
    return cwd;
  };
  /** One that runs, and a client of it alone. */
  const nearHub = () => {
    const hub = cluster.hubs.find(isRunning) ?? assert.fail('no hub runs');
    return { hub, near: sessionClient(() => hub.url) };
  };
  const left = async (cwd: string) => (await agentsOf({ cwd })).map(({ line }) => line);

  before(async () => {
    scratch = await scratchDirectory();
    root = join(scratch.path, 'projects');
    await mkdir(root);
    const env = { BOXSWAIN_SESSIONS_ROOTS: root, HOME: scratch.path, BOXSWAIN_CLUSTER_LEASE_SECONDS: '6' };
    cluster = await startCluster({ hubs: 2, workers: 1, env });
  });
  after(async () => {
    await cluster.close();
    assert.deepEqual(await left(root), []);
    await scratch.remove();
  });

  test('a session of the legacy era polls on at one hub where it ended at the other', async () => {
    const hub = (at: number) => cluster.hubs[at]?.url ?? assert.fail('no such hub');
    const opened = await post(hub(0), { jsonrpc: '2.0', id: 1, ...initialize });
    await opened.text();
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const { sessionId, cursor } = await client.create({ cwd: await project('polled'), agent: 'scripted' });
    const sent = await client.send(sessionId, '#say one');
    await eventually(async () => (await client.ends(sessionId, cursor)).some(({ turnId }) => turnId === sent.turnId));
    await client.until(sessionId, 'idle');
    let id = 1;
    const poll = async (at: number, more: object): Promise<{ seq: number }[]> => {
      const args = { timeout_ms: 0, ...more };
      const call = { jsonrpc: '2.0', id: ++id, method: 'tools/call', params: { name: 'poll_events', arguments: args } };
      const { result } = await messageOf(await post(hub(at), call, { headers }));
      return result.structuredContent.events;
    };
    for (const filters of [{ session_id: sessionId }, {}]) {
      const all = await poll(0, { ...filters, max_events: 1000 });
      assert.ok(all.length > 3, JSON.stringify(filters));
      assert.deepEqual(await poll(1, filters), [], 'nothing twice');
    }
    const seqs: number[] = [];
    const typed = { session_id: sessionId, types: ['message.created', 'session.idle'], max_events: 1 };
    for (let at = 0; at < 20; at++) seqs.push(...(await poll(at % 2, typed)).map(({ seq }) => seq));
    assert.deepEqual(
      seqs,
      [...new Set(seqs)].sort((a, b) => a - b),
      'each once and in order, from hubs in turn',
    );
    assert.equal(seqs.length, 3, 'prompt, answer and end');
  });

  test('two that poll and two that stream see every event once when a hub is killed and they move to the other', async () => {
    const { sessionId, cursor } = await client.create({ cwd: await project('read'), agent: 'scripted' });
    const read = { url, sessionId, after: cursor };
    const readers = [pollingReader(read), pollingReader(read), streamingReader(read), streamingReader(read)];
    // The one that gives the prompt to the agent.
    const { hub, near } = nearHub();
    try {
      const sent = await near.send(sessionId, '#slow 400 20');
      await eventually(() => readers.every(({ seen }) => seen.length > 30), PATIENCE_MS);
      await hub.kill();
      await eventually(
        async () => (await client.ends(sessionId, cursor)).some(({ turnId }) => turnId === sent.turnId),
        PATIENCE_MS,
      );
      await client.until(sessionId, 'idle');
      const [end] = await client.ends(sessionId, cursor);
      assert.equal(end?.outcome, 'completed', 'the agent did not mind');
      const all = await client.events(sessionId, cursor);
      const last = all.at(-1)?.seq ?? assert.fail('nothing happened');
      await eventually(() => readers.every(({ seen }) => (seen.at(-1)?.seq ?? 0) >= last), PATIENCE_MS);
      const expected = Array.from({ length: last }, (_, at) => at + 1);
      for (const { seen } of readers) assert.deepEqual(seen.map(({ seq }) => seq).slice(0, last), expected);
    } finally {
      await Promise.all(readers.map(reader => reader.stop()));
    }
    await client.ask('dispose_session', { session_id: sessionId });
    await cluster.startHub(nameOf(hub));
  });

  test('a hub that is killed while a tool runs takes nothing along: the tool goes on, and its turn ends once', async () => {
    const cwd = await project('hub');
    const [file, gate] = [join(scratch.path, 'hub.marks'), join(scratch.path, 'hub.gate')];
    const { sessionId, cursor } = await client.create({ cwd, agent: 'scripted', permission_mode: 'auto' });
    const held = `; until [ -e ${gate} ]; do sleep 0.05; done; echo ended >> ${file}`;
    const { hub, near } = nearHub();
    const first = await near.send(sessionId, marks(file, 'first', held));
    await eventually(async () => (await marksIn(file)).length === 1, PATIENCE_MS);
    const second = await near.send(sessionId, marks(file, 'second'));
    const agent = async () => (await left(cwd)).filter(line => line.includes('agent.'));
    const before = await agent();
    await hub.kill();
    assert.deepEqual(await agent(), before);
    await mkdir(gate);
    await eventually(async () => (await client.ends(sessionId, cursor)).length === 2, PATIENCE_MS);
    assert.deepEqual(await client.ends(sessionId, cursor), [
      { turnId: first.turnId, outcome: 'completed' },
      { turnId: second.turnId, outcome: 'completed' },
    ]);
    assert.deepEqual(await marksIn(file), ['first', 'ended', 'second']);
    await client.ask('dispose_session', { session_id: sessionId });
    await cluster.startHub(nameOf(hub));
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

const nameOf = ({ directory }: RunningServer): string => basename(directory);
