import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { createDirectoryBlobs } from '../../src/blobs/directory.ts';
import { inserted, newArtifact } from '../../src/store/contract/support.ts';
import { createPostgresStore } from '../../src/store/postgres.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import { startPostgres } from '../support/postgres.ts';
import { startS3 } from '../support/s3-server.ts';
import { runCli, scratchDirectory } from '../support/server.ts';

const exported = z.looseObject({ blobs: z.number(), workspaces: z.array(z.looseObject({ workspace_id: z.string() })) });

test('an installation moves from one machine to a cluster and back, by two commands each way', async () => {
  await using stack = new AsyncDisposableStack();
  const scratch = await scratchDirectory();
  stack.defer(() => scratch.remove());
  const postgres = await startPostgres();
  stack.defer(() => postgres.close());
  const s3 = await startS3();
  stack.defer(() => s3.close());
  const at = (name: string) => join(scratch.path, name);

  const solo = await createSqliteStore({ path: join(at('solo'), 'records.db') });
  const blobs = await createDirectoryBlobs(join(at('solo'), 'blobs'));
  const { sha256 } = await blobs.put(Buffer.from('the artifact'));
  const workspace = await inserted(solo);
  await solo.artifacts.insert([newArtifact({ workspaceId: workspace.id, sha256 })]);
  await solo.close();

  const url = await postgres.createDatabase();
  const cluster = {
    BOXSWAIN_STORE_URL: url,
    BOXSWAIN_BLOBS_S3_BUCKET: s3.bucket,
    BOXSWAIN_BLOBS_S3_ENDPOINT: s3.endpoint,
    BOXSWAIN_BLOBS_S3_REGION: s3.region,
    BOXSWAIN_BLOBS_S3_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  };
  const run = async (args: string[], env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await runCli(args, { env });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const out = await run(['export', at('solo.tar'), '--directory', at('solo'), '--json']);
  assert.deepEqual(
    exported.parse(JSON.parse(out)).workspaces.map(found => found.workspace_id),
    [workspace.id],
  );
  const hint = await run(['export', at('again.tar'), '--directory', at('solo')]);
  assert.match(hint, new RegExp(`without files: ${workspace.id}`));
  await run(['import', at('solo.tar'), '--directory', at('hub')], cluster);
  const records = await createPostgresStore({ url });
  assert.equal((await records.workspaces.get(workspace.id))?.name, workspace.name);
  await records.close();

  const second = await runCli(['import', at('solo.tar'), '--directory', at('hub')], { env: cluster });
  assert.equal(second.code, 2);
  assert.match(second.stderr, /nothing was changed.*\nhint: .*--replace/);

  await run(['export', at('cluster.tar'), '--directory', at('hub')], cluster);
  await run(['import', at('cluster.tar'), '--directory', at('back')]);
  const back = await createSqliteStore({ path: join(at('back'), 'records.db') });
  assert.equal((await back.workspaces.get(workspace.id))?.name, workspace.name);
  await back.close();
  const there = await createDirectoryBlobs(join(at('back'), 'blobs'));
  assert.equal(String(await there.read(sha256)), 'the artifact');
});
