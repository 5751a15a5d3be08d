import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { Blobs } from '../../blobs/blobs.ts';
import { createDirectoryBlobs } from '../../blobs/directory.ts';
import { silentLog } from '../../log/log.ts';
import { ArtifactWatch } from './artifacts.ts';
import type { ScannedFile } from './boxd/boxd.ts';

/** Files of a workspace as boxd would report them; a null body cannot be opened. */
class Files {
  readonly #files = new Map<string, { body: string | null; scanned: ScannedFile }>();
  #time = 0;

  set(path: string, body: string | null, sizeBytes = body?.length ?? 0): void {
    this.#time += 1;
    const scanned = { path, sizeBytes, modifiedAtNs: String(this.#time), inode: 1 };
    this.#files.set(path, { body, scanned });
  }

  async scan(): Promise<ScannedFile[]> {
    return [...this.#files.values()].map(({ scanned }) => scanned);
  }

  async open(path: string): Promise<Readable> {
    const body = this.#files.get(path)?.body;
    if (body === undefined || body === null) throw new Error('cannot be opened');
    return Readable.from([Buffer.from(body)]);
  }
}

describe('artifact watch', () => {
  let directory = '';
  let blobs: Blobs;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-artifacts-'));
    blobs = await createDirectoryBlobs(directory);
  });
  after(() => rm(directory, { recursive: true }));
  const watchWith = (maxBytes = 1000) => new ArtifactWatch({ blobs, log: silentLog, maxBytes });

  it('keeps what is new or changed, and only that', async () => {
    const [watch, files] = [watchWith(), new Files()];
    assert.deepEqual(await watch.collect(files), []);
    files.set('artifacts/hello-package.zip', 'one');
    const [first] = await watch.collect(files);
    assert.equal(first?.contentType, 'application/zip');
    assert.equal((await blobs.read(first?.sha256 ?? ''))?.toString(), 'one');
    assert.deepEqual(await watch.collect(files), []);
    files.set('artifacts/hello-package.zip', 'two');
    files.set('artifacts/b', '');
    const again = await watch.collect(files);
    assert.deepEqual(
      again.map(({ path, sizeBytes }) => [path, sizeBytes]),
      [
        ['artifacts/hello-package.zip', 3],
        ['artifacts/b', 0],
      ],
    );
  });

  it('keeps the others when one cannot be opened', async () => {
    const [watch, files] = [watchWith(), new Files()];
    files.set('artifacts/a', null);
    files.set('artifacts/b.txt', 'b');
    assert.deepEqual(
      (await watch.collect(files)).map(({ path }) => path),
      ['artifacts/b.txt'],
    );
  });

  it('leaves out a file that claims to be larger than the workspace', async () => {
    const [watch, files] = [watchWith(10), new Files()];
    files.set('artifacts/sparse', 'x', 2 ** 40);
    assert.deepEqual(await watch.collect(files), []);
  });

  it('answers nothing when it cannot look', async () => {
    const broken = { scan: () => Promise.reject(new Error('no')), open: () => Promise.reject(new Error('no')) };
    assert.deepEqual(await watchWith().collect(broken), []);
  });

  it('takes what it was told to learn as known, until it is told to forget', async () => {
    const [watch, files] = [watchWith(), new Files()];
    files.set('artifacts/a', 'a');
    await watch.learn(files);
    assert.deepEqual(await watch.collect(files), []);
    watch.forget();
    assert.equal((await watch.collect(files)).length, 1);
  });
});
