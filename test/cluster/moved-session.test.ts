import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Json, operationsAt, textsOf } from '../sessions/operations.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const MOVE_MS = 60_000;

describe('sessions inside workspaces that move', () => {
  let cluster: Cluster;
  let ask: ReturnType<typeof operationsAt>;

  before(async () => {
    const envOf = (): Record<string, string> => ({
      BOXSWAIN_SESSIONS_ROOTS: '/usr/share',
      // Checkpoints only where they are asked for: what is in them is then known.
      BOXSWAIN_SANDBOX_CHECKPOINTS_AUTO: 'never',
      BOXSWAIN_CLUSTER_LEASE_SECONDS: '6',
    });
    cluster = await startCluster({ hubs: 1, workers: 2, envOf });
    const [hub] = cluster.hubs;
    ask = operationsAt(hub?.url ?? assert.fail('no hub'));
  });
  after(() => cluster.close());

  const begun = async (): Promise<{ workspace_id: string; session_id: string }> => {
    const workspace_id = String((await ask('workspace_create', { limits: { allow_soft: true } })).workspace_id);
    const made = await ask('create_session', { workspace_id, agent: 'scripted' });
    assert.equal(typeof made.sessionId, 'string', JSON.stringify(made));
    const session_id = String(made.sessionId);
    await ask('send_and_wait', { session_id, text: '#say before' });
    return { workspace_id, session_id };
  };
  const sessionOf = async (session_id: string): Promise<Json> =>
    Object((await ask('get_session', { session_id })).session);
  const goesOn = async (session_id: string, from: unknown): Promise<void> => {
    const turn = await ask('send_and_wait', { session_id, text: '#say after', timeout_ms: MOVE_MS });
    assert.ok(textsOf(turn.messages).includes('after'), JSON.stringify(turn));
    assert.notEqual((await sessionOf(session_id)).workerId, from);
  };
  const runningWorker = (id: unknown) => cluster.workers.find(one => one.id === id) ?? assert.fail('no such worker');

  test('a session goes on where a drained worker gave its workspace to', async () => {
    const { session_id } = await begun();
    const { workerId } = await sessionOf(session_id);
    const at = `${cluster.hubs[0]?.url}/api/workers/${workerId}`;
    await fetch(`${at}/drain`, { method: 'POST' });
    await eventually(async () => (await sessionOf(session_id)).status === 'failed', MOVE_MS);
    assert.equal((await sessionOf(session_id)).statusReason, 'The agent exited (its worker gave the workspace up)');
    await goesOn(session_id, workerId);
    const { sessionId: fork } = await ask('fork_session', { session_id });
    const { messages } = await ask('get_session', { session_id: fork });
    assert.deepEqual(textsOf(messages), ['#say before', 'before', '#say after', 'after']);
    assert.equal((await sessionOf(String(fork))).workerId, (await sessionOf(session_id)).workerId);
    await fetch(`${at}/undrain`, { method: 'POST' });
  });

  test('a session goes on where its workspace was recovered to, from the transcript in the checkpoint', async () => {
    const { workspace_id, session_id } = await begun();
    assert.equal((await ask('workspace_checkpoint', { workspace_id })).status, 200);
    const { workerId } = await sessionOf(session_id);
    await runningWorker(workerId).kill();
    await eventually(async () => (await sessionOf(session_id)).status === 'failed', MOVE_MS);
    assert.match(String((await sessionOf(session_id)).statusReason), /worker/);
    await goesOn(session_id, workerId);
  });
});
