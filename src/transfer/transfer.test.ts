import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { afterLast, beforeFirst } from '../../test/support/around-tests.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres.ts';
import { type S3Server, startS3 } from '../../test/support/s3-server.ts';
import type { Blobs } from '../blobs/blobs.ts';
import { createDirectoryBlobs } from '../blobs/directory.ts';
import { createS3Blobs } from '../blobs/s3.ts';
import { silentLog } from '../log/log.ts';
import {
  inserted,
  isValidationError,
  newArtifact,
  newAuditRecord,
  newCheckpoint,
  newTask,
  newWorker,
} from '../store/contract/support.ts';
import { createPostgresStore } from '../store/postgres.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { exportTo } from './export.ts';
import { importFrom } from './import.ts';

interface Installation extends AsyncDisposable {
  readonly store: Store;
  readonly blobs: Blobs;
}

let postgres: PostgresServer;
let s3: S3Server;
let root: string;
beforeFirst(async () => {
  [postgres, s3, root] = await Promise.all([startPostgres(), startS3(), mkdtemp(join(tmpdir(), 'transfer-'))]);
});
afterLast(async () => {
  await Promise.all([postgres.close(), s3.close(), rm(root, { recursive: true })]);
});

let count = 0;
const signal = new AbortController().signal;
const newPath = (name: string) => {
  count += 1;
  return join(root, `${count}-${name}`);
};

async function solo(): Promise<Installation> {
  const directory = newPath('solo');
  const store = await createSqliteStore({ path: join(directory, 'records.db') });
  const blobs = await createDirectoryBlobs(join(directory, 'blobs'));
  return { store, blobs, [Symbol.asyncDispose]: () => store.close() };
}

async function cluster(): Promise<Installation> {
  const store = await createPostgresStore({ url: await postgres.createDatabase() });
  const { endpoint, region, bucket, credentials } = s3;
  const blobs = await createS3Blobs({
    endpoint,
    region,
    bucket,
    credentials,
    prefix: `cluster-${count}/`,
    forcePathStyle: true,
    spoolDirectory: newPath('spool'),
    log: silentLog,
  });
  return { store, blobs, [Symbol.asyncDispose]: () => store.close() };
}

/** Some of everything that the records can hold, with the blobs that they name. */
async function fill({ store, blobs }: Installation): Promise<{ saved: string; unsaved: string; hashes: string[] }> {
  const contents = [Buffer.alloc(0), Buffer.from('text\u2028\n'), randomBytes(3_000_000)];
  const hashes = (await Promise.all(contents.map(content => blobs.put(content)))).map(({ sha256 }) => sha256);
  const [manifest = '', pack = '', content = ''] = hashes;
  await store.workers.join(newWorker(), 60);
  const saved = await inserted(store, { name: 'line\u2028separator \u{1f6a3} "quoted"', connection: 'c1' });
  const unsaved = await inserted(store, { metadata: {} });
  const manifests = { manifest, packs: [pack] };
  await store.checkpoints.insert(newCheckpoint({ workspaceId: saved.id, ...manifests }), { keep: 5 });
  await store.checkpoints.insert(newCheckpoint({ workspaceId: saved.id, ...manifests, name: 'newest' }), { keep: 5 });
  await store.artifacts.insert([newArtifact({ workspaceId: saved.id, sha256: content })]);
  await store.tasks.insert(newTask({ workspaceId: saved.id }));
  await store.tasks.insertFinished(
    Array.from({ length: 1203 }, (_, i) => newTask({ status: 'completed', completedAt: 5000 + i, result: { i } })),
  );
  const events = Array.from({ length: 700 }, (_, i) => ({ type: 'n', body: { text: `${i} ü \u0000` } }));
  await store.events.append({ stream: `workspace:${saved.id}`, epoch: 3, first: 1, events });
  await store.idempotency.begin({ caller: 'alice', operation: 'o', key: 'k', argsHash: 'h', owner: 'hub' });
  await store.audit.append([newAuditRecord(), newAuditRecord({ durationMs: 0.1 + 0.2 })]);
  return { saved: saved.id, unsaved: unsaved.id, hashes };
}

const everyRow = (store: Store) => store.dump(async snapshot => await Array.fromAsync(snapshot.rows()));

const directions = [
  { name: 'from SQLite and a directory to PostgreSQL and S3', from: solo, to: cluster },
  { name: 'from PostgreSQL and S3 to SQLite and a directory', from: cluster, to: solo },
];

for (const { name, from, to } of directions) {
  describe(`an installation that moves ${name}`, () => {
    it('has every row and every blob it had, and goes on from there', async () => {
      await using source = await from();
      await using target = await to();
      const { saved, unsaved, hashes } = await fill(source);
      const path = newPath('export.tar');
      const report = await exportTo(path, { ...source, signal });
      const imported = await importFrom(path, { ...target, replaces: false, signal });
      assert.deepEqual(imported.tables, report.tables);
      const rows = await everyRow(source.store);
      assert.ok(rows.length > 1900, `${rows.length} rows`);
      assert.deepEqual(await everyRow(target.store), rows);
      for (const hash of hashes) assert.deepEqual(await target.blobs.read(hash), await source.blobs.read(hash));
      assert.deepEqual(await target.store.checkIntegrity(), []);
      // New rows are numbered behind the old ones.
      const next = await inserted(target.store);
      const list = await target.store.workspaces.list({ caller: 'alice', limit: 9 });
      assert.deepEqual(
        list.rows.map(row => row.id),
        [next.id, unsaved, saved],
      );
      await target.store.audit.append([newAuditRecord()]);
      assert.deepEqual(await target.store.audit.verify(), { records: 3, brokenAt: null });
    });

    it('is told which files of workspaces travel', async () => {
      await using source = await from();
      const { saved, unsaved } = await fill(source);
      const report = await exportTo(newPath('export.tar'), { ...source, signal });
      const [newest] = await source.store.checkpoints.list(saved, 1);
      assert.deepEqual(
        report.workspaces.map(found => [found.workspace_id, found.checkpoint_id]),
        [
          [saved, newest?.id],
          [unsaved, null],
        ],
      );
    });
  });

  it(`nothing of a file that is torn or changed anywhere is imported ${name}`, async () => {
    await using source = await from();
    await using target = await to();
    await fill(source);
    const path = newPath('export.tar');
    await exportTo(path, { ...source, signal });
    const whole = await readFile(path);
    const refused = async (damage: (copy: string) => Promise<void>) => {
      const copy = newPath('damaged.tar');
      await copyFile(path, copy);
      await damage(copy);
      await assert.rejects(importFrom(copy, { ...target, replaces: true, signal }), isValidationError);
      assert.deepEqual(await everyRow(target.store), []);
      await rm(copy);
    };
    for (const length of [0, 511, 600, 1024, whole.length >> 1, whole.length - 1024]) {
      await refused(copy => truncate(copy, length));
    }
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat({ max: whole.length - 1 }),
          fc.nat({ max: 2600 }).map(back => whole.length - 1 - back),
        ),
        at =>
          refused(async copy => {
            const bytes = Buffer.from(whole);
            bytes.writeUInt8((bytes.readUInt8(at) + 1) % 256, at);
            await writeFile(copy, bytes);
          }),
      ),
      { numRuns: 15 },
    );
  });

  it(`records that are there are replaced only on demand ${name}`, async () => {
    await using source = await from();
    await using target = await to();
    await fill(source);
    await fill(target);
    const kept = await everyRow(target.store);
    const path = newPath('export.tar');
    await exportTo(path, { ...source, signal });
    await assert.rejects(importFrom(path, { ...target, replaces: false, signal }), isValidationError);
    assert.deepEqual(await everyRow(target.store), kept);
    await importFrom(path, { ...target, replaces: true, signal });
    assert.deepEqual(await everyRow(target.store), await everyRow(source.store));
  });
}

describe('an export', () => {
  it('names blobs that were lost before, and is whole without them', async () => {
    await using source = await solo();
    await using target = await solo();
    const { hashes } = await fill(source);
    const [, , lost = ''] = hashes;
    await source.blobs.delete(lost);
    const path = newPath('export.tar');
    const report = await exportTo(path, { ...source, signal });
    assert.deepEqual(report.missing_blobs, [lost]);
    assert.equal((await importFrom(path, { ...target, replaces: false, signal })).blobs, hashes.length - 1);
  });

  it('shows one moment, whatever is written meanwhile', async () => {
    await using source = await cluster();
    await fill(source);
    const before = await everyRow(source.store);
    const seen = await source.store.dump(async snapshot => {
      const rows = snapshot.rows()[Symbol.asyncIterator]();
      const first = await rows.next();
      await inserted(source.store);
      await source.store.audit.append([newAuditRecord()]);
      return [first.value, ...(await Array.fromAsync({ [Symbol.asyncIterator]: () => rows }))];
    });
    assert.deepEqual(seen, before);
    assert.equal((await everyRow(source.store)).length, before.length + 2);
  });

  it('never replaces a file, and leaves none when it is stopped', async () => {
    await using source = await solo();
    await fill(source);
    const directory = await mkdtemp(join(root, 'empty-'));
    const path = join(directory, 'export.tar');
    await assert.rejects(exportTo(path, { ...source, signal: AbortSignal.abort() }), { name: 'AbortError' });
    assert.deepEqual(await readdir(directory), []);
    await writeFile(path, 'mine');
    await assert.rejects(exportTo(path, { ...source, signal }), isValidationError);
    assert.equal(await readFile(path, 'utf8'), 'mine');
    assert.deepEqual(await readdir(directory), ['export.tar']);
  });

  it('of another version of the records is refused', async () => {
    await using source = await solo();
    await using target = await solo();
    const path = newPath('export.tar');
    const dump: Store['dump'] = work =>
      source.store.dump(snapshot => work({ ...snapshot, schemaVersion: '9999-later' }));
    await exportTo(path, { store: { ...source.store, dump }, blobs: source.blobs, signal });
    await assert.rejects(importFrom(path, { ...target, replaces: false, signal }), /version 9999-later/);
  });
});
