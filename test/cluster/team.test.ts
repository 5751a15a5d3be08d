import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Authority } from '../../src/fabric/credentials/authority.ts';
import { readJoinToken } from '../../src/fabric/credentials/join-token.ts';
import { proverOf } from '../../src/fabric/credentials/proof.ts';
import { eventually } from '../support/eventually.ts';
import type { RunningRole } from '../support/server.ts';
import { startTeam, type Team } from '../support/team.ts';

const LIMIT = { timeout: 120_000 };
const LARGE_BYTES = 24_000_000;

describe('one hub and a worker that has no S3', () => {
  let team: Team;
  let file: string;
  let worker: RunningRole;
  before(async () => {
    team = await startTeam();
    file = await team.tokenFile('worker-1');
    worker = await team.startWorker(file, 'one');
  }, LIMIT);
  after(() => team.close(), LIMIT);

  const call = async (operation: string, args: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const { status, body } = await team.api(`POST /api/operations/${operation}`, args);
    assert.equal(status, 200, `${operation}: ${JSON.stringify(body)}`);
    return body;
  };

  /** Status of a request for a content, with the proof that the holder of a credential makes. */
  async function askFor(sha256: string, credential?: string): Promise<number> {
    const request = { method: 'GET', subject: sha256 };
    const headers =
      credential === undefined ? undefined : { authorization: (await proverOf(credential))(request, Date.now()) };
    const response = await fetch(`${team.hub.url}/internal/blobs/${sha256}`, { headers });
    await response.body?.cancel();
    return response.status;
  }

  test('a checkpoint of the worker is restored with all its files', LIMIT, async () => {
    const { workspace_id } = await call('workspace_create', {});
    const content = 'x'.repeat(900_000);
    await call('fs_write', { workspace_id, path: 'kept/large.txt', content });
    const { checkpoint_id } = await call('workspace_checkpoint', { workspace_id });
    const restored = await call('workspace_restore', { checkpoint_id });
    assert.notEqual(restored.workspace_id, workspace_id);
    const where = { workspace_id: restored.workspace_id, path: 'kept/large.txt', limit: 900_000 };
    assert.equal((await call('fs_read', where)).content, content);
    // Contents are at the hub; the worker keeps none for itself.
    assert.deepEqual(await readdir(join(worker.directory, 'blobs')).catch(() => []), []);
  });

  test('a large file travels from the worker to whoever asks the hub', LIMIT, async () => {
    const { workspace_id } = await call('workspace_create', {});
    const made = await call('run_python', {
      workspace_id,
      code: [
        'import os, hashlib',
        `data = os.urandom(${LARGE_BYTES})`,
        "os.makedirs('artifacts', exist_ok=True)",
        "open('artifacts/large.bin', 'wb').write(data)",
        'print(hashlib.sha256(data).hexdigest())',
      ].join('\n'),
    });
    const { artifact_id } = await call('artifact_upload', { workspace_id, path: 'artifacts/large.bin' });
    const response = await fetch(`${team.hub.url}/api/artifacts/${artifact_id}/content`);
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(bytes.length, LARGE_BYTES);
    assert.equal(`${createHash('sha256').update(bytes).digest('hex')}\n`, made.stdout);
  });

  test('contents are given to nobody without the proof of a worker', LIMIT, async () => {
    const sha256 = await someBlob();
    const { credential } = await readJoinToken(await readFile(file, 'utf8'));
    assert.equal(await askFor(sha256, credential), 200);
    assert.equal(await askFor(sha256), 401);
    const other = await Authority.open(join(team.scratch, 'other'));
    assert.equal(await askFor(sha256, (await other.issue({ worker: 'worker-1' })).text), 401);
    const hub = await readJoinToken(await readFile(await team.tokenFile('hub-2', '--role', 'hub'), 'utf8'));
    assert.equal(await askFor(sha256, hub.credential), 401);
  });

  test(
    'an administrator makes, lists and revokes tokens over HTTP; one that is void gets no contents',
    LIMIT,
    async () => {
      const made = await team.api('POST /api/workers/tokens', {
        id: 'worker-2',
        hub: team.hub.url,
        expires_seconds: 3600,
      });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const { credential, hub } = await readJoinToken(String(made.body.token));
      assert.equal(hub, team.hub.url);
      const sha256 = await someBlob();
      assert.equal(await askFor(sha256, credential), 200);
      const revoked = await team.api(`DELETE /api/workers/tokens/${made.body.token_id}`);
      assert.equal(revoked.status, 200, JSON.stringify(revoked.body));
      await eventually(async () => (await askFor(sha256, credential)) === 401);
      const { body } = await team.api('GET /api/workers/tokens');
      const listed = JSON.stringify(body);
      assert.match(listed, new RegExp(`"token_id":"${made.body.token_id}".{0,200}"revoked_at":"2`));
      assert.doesNotMatch(listed, /SEED|eyJ/);
      assert.equal((await team.api('DELETE /api/workers/tokens/tok_unknown')).status, 404);
      assert.equal((await team.api('POST /api/workers/tokens', { id: 'a b' })).status, 400);
    },
  );

  test('no secret of a worker is in any log', LIMIT, async () => {
    const { credential } = await readJoinToken(await readFile(file, 'utf8'));
    const [jwt = '', seed = ''] = credential.match(/^(?:eyJ|SU).+$/gm) ?? [];
    assert.ok(jwt && seed);
    for (const log of [team.hub.log(), worker.log()]) assert.ok(!log.includes(jwt) && !log.includes(seed));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  test('a worker whose token is revoked is cut off, and cannot come back', LIMIT, async () => {
    const { workspace_id } = await call('workspace_create', {});
    const revoked = await team.token('revoke', 'worker-1', '--json');
    assert.equal(revoked.code, 0, revoked.stderr);
    await eventually(async () => {
      const { body } = await team.api('POST /api/operations/fs_list', { workspace_id });
      return body.code === 'NO_WORKER_AVAILABLE' || body.code === 'SANDBOX_DIED';
    }, 30_000);
    const again = await team.failingWorker('--token-file', file);
    assert.equal(again.code, 4, again.stderr);
    assert.match(
      again.stderr,
      /^error: .*refused the credential \[UNAUTHORIZED\]\nhint: .*boxswain worker token create\n$/m,
    );
    const { credential } = await readJoinToken(await readFile(file, 'utf8'));
    await eventually(async () => (await askFor('0'.repeat(64), credential)) === 401);
  });

  /** A content that the hub has. */
  async function someBlob(): Promise<string> {
    const made = await call('workspace_create', {});
    const { workspace_id } = made;
    await call('fs_write', { workspace_id, path: 'artifacts/a.txt', content: `content of ${workspace_id}` });
    const { sha256 } = await call('artifact_upload', { workspace_id, path: 'artifacts/a.txt' });
    return String(sha256);
  }
});
