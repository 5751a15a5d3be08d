import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { createDirectoryBlobs } from '../../src/blobs/directory.ts';
import { readJoinToken } from '../../src/fabric/credentials/join-token.ts';
import { proverOf } from '../../src/fabric/credentials/proof.ts';
import { authenticatorFor } from '../../src/fabric/nats/dial.ts';
import { connectNats } from '../../src/fabric/nats/nats-fabric.ts';
import { silentLog } from '../../src/log/log.ts';
import type { Outcome } from '../../src/protocol/jobs.ts';
import { askHub } from '../../src/protocol/link.ts';
import type { HubReply, HubRequest, HubVerb } from '../../src/protocol/messages.ts';
import { commandLine } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, startServer } from '../support/server.ts';
import { startTeam, type Team } from '../support/team.ts';

const LIMIT = { timeout: 120_000 };
const ANSWER_MS = 20_000;
const LEASE_SECONDS = '2';

describe('a worker can do nothing as another', () => {
  let team: Team;
  const files = new Map<string, string>();
  const fileOf = (id: string): string => files.get(id) ?? assert.fail(`no token of ${id}`);
  before(async () => {
    team = await startTeam({ env: { BOXSWAIN_CLUSTER_LEASE_SECONDS: LEASE_SECONDS } });
    for (const id of ['worker-1', 'worker-2']) files.set(id, await team.tokenFile(id));
  }, LIMIT);
  after(() => team.close(), LIMIT);

  const tokenOf = async (id: string) => await readJoinToken(await readFile(fileOf(id), 'utf8'));

  const call = async (operation: string, args: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const { status, body } = await team.api(`POST /api/operations/${operation}`, args);
    assert.ok(status === 200 || status === 202, `${operation}: ${JSON.stringify(body)}`);
    return body;
  };

  test(
    'who has no token, a wrong one or that of another is told so in one line, and does not join',
    LIMIT,
    async () => {
      const hubFile = await team.tokenFile('hub-2', '--role', 'hub');
      const cases: [what: string, words: string[], message: RegExp][] = [
        [
          'that of another',
          ['--token-file', fileOf('worker-2'), '--id', 'worker-1'],
          /for worker worker-2, not for worker-1/,
        ],
        ['that of a hub', ['--token-file', hubFile, '--hub', team.hub.url], /the token of a hub/],
        ['no token', ['--hub', team.hub.url, '--nats', team.nats.url], /contents over a hub need a token/],
        ['no token at all', ['--nats', team.nats.url], /nothing names a place for contents/],
      ];
      for (const [what, words, message] of cases) {
        const { code, stderr } = await team.failingWorker(...words);
        assert.ok(code === 4 || code === 2, `${what}: ${code} ${stderr}`);
        assert.match(stderr, /^error: .+ \[(?:UNAUTHORIZED|VALIDATION_ERROR)\]\nhint: .+\n$/, what);
        assert.match(stderr, message, what);
      }
      const env = { BOXSWAIN_BLOBS_S3_BUCKET: 'any', BOXSWAIN_BLOBS_S3_ENDPOINT: 'http://127.0.0.1:9' };
      const uninvited = await commandLine(
        ['worker', '--nats', team.nats.url, '--id', 'worker-1', '--directory', join(team.scratch, 'failing')],
        { env: cleanEnvironment({ ...env, BOXSWAIN_LOG_LEVEL: 'silent' }) },
      );
      assert.equal(uninvited.code, 4, uninvited.stderr);
      assert.match(uninvited.stderr, /refused the credential \[UNAUTHORIZED\]/);
      assert.deepEqual((await team.api('GET /api/workers')).body.workers, []);
    },
  );

  test('the broker refuses it the words and the ears of another, of hubs and of the system', LIMIT, async () => {
    const { credential } = await tokenOf('worker-2');
    const client = await connect({ servers: team.nats.url, authenticator: authenticatorFor(credential) });
    const errors = client.status()[Symbol.asyncIterator]();
    const refused = async () => {
      for (let next = await errors.next(); !next.done; next = await errors.next())
        if (next.value.type === 'error') return next.value.error.message;
      return 'the connection was closed';
    };
    const foreign = ['h.worker-1.rpc', 't.worker-1.task:1', 'w.worker-1.rpc', 'w.all.rpc', '$SYS.REQ.CLAIMS.UPDATE'];
    for (const subject of foreign) {
      client.publish(subject, 'x');
      assert.match(await refused(), /permissions violation.*publish/i, subject);
    }
    for (const subject of ['w.worker-1.rpc', 'h.*.rpc', 't.>', '_INBOX_worker-1.>', '$SYS.>', '>']) {
      client.subscribe(subject, { callback: () => {} });
      assert.match(await refused(), /permissions violation.*subscription/i, subject);
    }
    await client.close();
  });

  test('a hub whose authority lives elsewhere joins with a token, and learns who is revoked', LIMIT, async () => {
    const file = await team.tokenFile('hub-3', '--role', 'hub');
    const directory = join(team.scratch, 'hub-3');
    const hub = await startServer({ role: 'hub', directory, args: ['--token-file', file] });
    try {
      const { credential } = await readJoinToken(await readFile(await team.tokenFile('worker-3'), 'utf8'));
      const prove = await proverOf(credential);
      const subject = '0'.repeat(64);
      const ask = async () => {
        const headers = { authorization: prove({ method: 'GET', subject }, Date.now()) };
        const response = await fetch(`${hub.url}/internal/blobs/${subject}`, { headers });
        await response.body?.cancel();
        return response.status;
      };
      // It is trusted; there is no such content.
      assert.equal(await ask(), 404);
      assert.equal((await team.token('revoke', 'worker-3')).code, 0);
      await eventually(async () => (await ask()) === 401);
      const made = await fetch(`${hub.url}/api/workers/tokens`, { method: 'POST' });
      assert.equal(made.status, 422);
      assert.match(await made.text(), /the authority that makes tokens does not live here/);
    } finally {
      await hub.stop();
    }
  });

  test('what a worker says of a workspace that it held once is void', LIMIT, async () => {
    const lost = await team.startWorker(fileOf('worker-1'), 'one');
    const { workspace_id, worker_id } = await call('workspace_create', {});
    assert.equal(worker_id, 'worker-1');
    const workspaceId = String(workspace_id);
    await call('fs_write', { workspace_id, path: 'kept.txt', content: 'kept' });
    await call('workspace_checkpoint', { workspace_id });
    await lost.kill();
    await team.startWorker(fileOf('worker-2'), 'two');
    await eventually(async () => {
      const { status, body } = await team.api('POST /api/operations/fs_read', { workspace_id, path: 'kept.txt' });
      assert.ok(status === 200 || body.retryable === true, JSON.stringify(body));
      return status === 200;
    }, 60_000);
    const { task_id } = await call('run_command', { workspace_id, command: 'sleep 600', wait_seconds: 0 });
    const commandId = String(task_id);
    const status = async () => (await call('task_get_status', { task_id })).status;
    await eventually(async () => (await status()) === 'running');
    const before = await call('workspace_get', { workspace_id });

    const old = await speakAs('worker-1');
    const forged = outcome({ stdout: 'forged\n', stderr: '', exit_code: 0 });
    // Under its old hold, and under the present one, which it may have learnt.
    for (const epoch of [1, 2]) {
      const hold = { workspaceId, epoch };
      assert.deepEqual(await old.ask('run.started', { ...hold, commandId, sequence: 1 }), { mayStart: false });
      await old.ask('run.ended', { ...hold, commandId, outcome: forged });
      await old.ask('box.changed', { ...hold, generation: 99, state: 'failed', reason: 'forged' });
      const output = { manifest: '0'.repeat(64), packs: [], sizeBytes: 0, fileCount: 0, sha256: '0'.repeat(64) };
      const checkpoint = { checkpointId: `cp_forged_${epoch}`, sequence: 9, parent: null };
      const taken = { ...hold, ...checkpoint, output: { ...output, installedPackages: [] } };
      assert.deepEqual(await old.ask('checkpoint.taken', taken), { isKept: false });
      await old.ask('workspace.recovered', {
        ...hold,
        checkpointId: `cp_forged_${epoch}`,
        generation: 99,
        engine: 'forged',
        enforcement: {},
      });
    }
    const { isLive } = await old.ask('worker.beat', { boot: 'an earlier boot' });
    assert.equal(isLive, false);
    await old.close();
    assert.equal(await status(), 'running');
    const now = await call('workspace_get', { workspace_id });
    for (const key of ['worker_id', 'engine', 'generation', 'state', 'checkpoints'])
      assert.deepEqual(now[key], before[key], key);

    // The same word of the one who holds it counts: it is refused for who says it, not for what it says.
    const holder = await speakAs('worker-2');
    await holder.ask('run.ended', { workspaceId, epoch: 2, commandId, outcome: forged });
    await holder.close();
    const { result } = await call('task_get_result', { task_id });
    assert.equal(Object(result).stdout, 'forged\n');
  });

  /** Talks to the hub with the token of a worker, past everything that the program itself would keep. */
  async function speakAs(id: string) {
    const { credential, identity } = await tokenOf(id);
    const servers = [team.nats.url];
    const fabric = await connectNats({ servers, identity, credentials: credential, log: silentLog });
    const blobs = await createDirectoryBlobs(join(team.scratch, `blobs-of-${id}`));
    return {
      ask: <Verb extends HubVerb>(verb: Verb, body: HubRequest<Verb>): Promise<HubReply<Verb>> =>
        askHub({ fabric, blobs }, verb, body, { timeoutMs: ANSWER_MS }),
      close: () => fabric.close(),
    };
  }
});

function outcome(output: { stdout: string; stderr: string; exit_code: number }): Outcome {
  return {
    sequence: 1,
    startedAt: Date.now(),
    endedAt: Date.now(),
    generation: 1,
    artifacts: [],
    fullOutput: {},
    end: { kind: 'completed', output },
  };
}
