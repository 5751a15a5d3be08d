import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Cluster, isRunning, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { pollingReader, streamingReader } from '../support/event-readers.ts';
import { messageOf, post } from '../mcp/clients.ts';
import { scratchDirectory } from '../support/server.ts';
import { PATIENCE_MS, sessionClient } from '../support/session-client.ts';

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'readers', version: '1' } },
};

describe('readers of a session whose hubs are several', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let cluster: Cluster;
  let project: string;
  /** Another hub each time, as long as there are several. */
  let turn = 0;
  const url = (): string => {
    const running = cluster.hubs.filter(isRunning);
    return running[turn++ % running.length]?.url ?? assert.fail('no hub runs');
  };
  const client = sessionClient(url);
  before(async () => {
    scratch = await scratchDirectory();
    project = join(scratch.path, 'project');
    const home = join(scratch.path, 'home');
    for (const folder of [project, home]) await mkdir(folder);
    const env = { BOXSWAIN_SESSIONS_ROOTS: project, HOME: home };
    cluster = await startCluster({ hubs: 2, workers: 1, env });
  });
  after(async () => {
    await cluster.close();
    await scratch.remove();
  });

  test('a session of the legacy era polls on at one hub where it ended at the other', async () => {
    const hub = (at: number) => cluster.hubs[at]?.url ?? assert.fail('no such hub');
    const opened = await post(hub(0), initialize);
    await opened.text();
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const { sessionId, cursor } = await client.create({ cwd: project, agent: 'scripted' });
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
    const { sessionId, cursor } = await client.create({ cwd: project, agent: 'scripted' });
    const read = { url, sessionId, after: cursor };
    const readers = [pollingReader(read), pollingReader(read), streamingReader(read), streamingReader(read)];
    try {
      const sent = await client.send(sessionId, '#slow 400 20');
      await eventually(() => readers.every(({ seen }) => seen.length > 30), PATIENCE_MS);
      await cluster.hubs[0]?.kill();
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
  });
});
