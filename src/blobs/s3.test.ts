import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { afterLast, beforeFirst } from '../../test/support/around-tests.ts';
import { startCuttingProxy } from '../../test/support/cutting-proxy.ts';
import { type S3Server, startS3 } from '../../test/support/s3-server.ts';
import { silentLog } from '../log/log.ts';
import { blobsContract } from './blobs-contract.ts';
import { createS3Blobs, type S3Options } from './s3.ts';

let server: S3Server;
let spoolDirectory: string;
beforeFirst(async () => {
  server = await startS3();
  spoolDirectory = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterLast(async () => {
  await server.close();
  await rm(spoolDirectory, { recursive: true });
});

let prefixes = 0;
const settings = (patch: Partial<S3Options> = {}): S3Options => {
  prefixes += 1;
  const { endpoint, region, bucket, credentials } = server;
  const prefix = `blobs-${prefixes}/`;
  return {
    endpoint,
    region,
    bucket,
    credentials,
    prefix,
    forcePathStyle: true,
    spoolDirectory,
    log: silentLog,
    ...patch,
  };
};

blobsContract('S3', async test => test(await createS3Blobs(settings())));

const MB = 1_048_576;
const chunksOf = (bytes: Buffer, size = 100_000): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size)),
  );

describe('S3: a bad line', () => {
  it('a read whose connection is cut again and again gives every byte once', async () => {
    const options = settings();
    const bytes = randomBytes(5 * MB);
    const { sha256 } = await (await createS3Blobs(options)).put(bytes);
    await using line = await badLine(server);
    const blobs = await createS3Blobs({ ...options, endpoint: line.endpoint });
    line.proxy.cutAfter({ down: 700_000 });
    assert.deepEqual(await blobs.read(sha256), bytes);
    assert.deepEqual(await blobs.read(sha256, { start: 10, end: 2 * MB }), bytes.subarray(10, 2 * MB));
    assert.ok(line.proxy.cuts() >= 8, `${line.proxy.cuts()} cuts`);
  });

  it('a read that never gets an answer ends with an error', async () => {
    const options = settings();
    const { sha256 } = await (await createS3Blobs(options)).put(randomBytes(MB));
    await using line = await badLine(server);
    const blobs = await createS3Blobs({ ...options, endpoint: line.endpoint });
    line.proxy.cutAfter({ down: 100 });
    await assert.rejects(blobs.read(sha256));
  });

  it('an upload is sent again where it broke off', async () => {
    const options = settings();
    await using line = await badLine(server);
    const blobs = await createS3Blobs({ ...options, endpoint: line.endpoint });
    const bytes = randomBytes(18 * MB);
    // Less than a part: every attempt breaks, until the line gets better.
    line.proxy.cutAfter({ up: 3 * MB });
    const put = blobs.put(chunksOf(bytes));
    while (line.proxy.cuts() < 3) await new Promise(resolve => setImmediate(resolve));
    line.proxy.cutAfter(undefined);
    const { sha256 } = await put;
    assert.deepEqual(await (await createS3Blobs(options)).read(sha256), bytes);
    assert.deepEqual(await server.unfinishedUploads(), []);
  });
});

describe('S3: what is under a hash', () => {
  it('is never handed out as the content when it is something else', async () => {
    const options = settings();
    const blobs = await createS3Blobs(options);
    const { sha256 } = await blobs.put(Buffer.from('the true content'));
    await server.tamper(`${options.prefix}${sha256}`, Buffer.from('the fake content'));
    await assert.rejects(blobs.read(sha256), /is not its content/);
    // Only a whole blob can be told.
    assert.equal(String(await blobs.read(sha256, { start: 0, end: 3 })), 'the');
  });

  it('is replaced when it was cut short', async () => {
    const options = settings();
    const blobs = await createS3Blobs(options);
    const { sha256 } = await blobs.put(Buffer.from('the true content'));
    await server.tamper(`${options.prefix}${sha256}`, Buffer.from('the true'));
    await blobs.put(Buffer.from('the true content'));
    assert.equal(String(await blobs.read(sha256)), 'the true content');
  });

  it('is uploaded once', async () => {
    const blobs = await createS3Blobs(settings());
    const bytes = randomBytes(1000);
    const uploads = () => server.requests.filter(line => /^PUT .*x-id=PutObject/.test(line)).length;
    const before = uploads();
    await blobs.put(bytes);
    await blobs.put(chunksOf(bytes));
    assert.equal(uploads() - before, 1);
  });

  it('is whole or absent when the process is killed during an upload', async () => {
    const options = settings();
    await using line = await badLine(server);
    const bytes = Buffer.alloc(20 * MB, 'x');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const script = `
      const { createS3Blobs } = await import(${JSON.stringify(new URL('./s3.ts', import.meta.url).href)});
      const { silentLog } = await import(${JSON.stringify(new URL('../log/log.ts', import.meta.url).href)});
      const { Readable } = await import('node:stream');
      const blobs = await createS3Blobs({ ...JSON.parse(process.argv[1]), log: silentLog });
      await blobs.put(Readable.from([Buffer.alloc(${bytes.length}, 'x')]));`;
    const { log: _, ...plain } = { ...options, endpoint: line.endpoint };
    const argv = ['--input-type=module', '-e', script, JSON.stringify(plain)];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    const exited = once(child, 'exit');
    const partsOf = () => server.requests.filter(request => /x-id=UploadPart$/.test(request)).length;
    const before = partsOf();
    while (partsOf() === before) await new Promise(resolve => setImmediate(resolve));
    child.kill('SIGKILL');
    await exited;
    const blobs = await createS3Blobs(options);
    const there = await blobs.stat(sha256);
    assert.ok(there === undefined || there.sizeBytes === bytes.length);
    // What it left in the spool is gone as well.
    assert.deepEqual(await readdir(spoolDirectory), []);
    await blobs.put(bytes);
    assert.deepEqual(await blobs.read(sha256), bytes);
  });
});

describe('S3: the service', () => {
  it('is refused with wrong credentials, and a bucket that is not there is no absent blob', async () => {
    const wrong = { ...server.credentials, secretAccessKey: 'guessed' };
    const stranger = await createS3Blobs(settings({ credentials: wrong }));
    await assert.rejects(stranger.read('0'.repeat(64)), { name: 'SignatureDoesNotMatch' });
    await assert.rejects(stranger.put(Buffer.from('x')));
    const lost = await createS3Blobs(settings({ bucket: 'no-such-bucket' }));
    await assert.rejects(lost.get('0'.repeat(64)), { name: 'NoSuchBucket' });
    await assert.rejects(lost.put(Buffer.from('x')));
  });

  it('a reader that leaves early lets the connection go', async () => {
    const blobs = await createS3Blobs(settings());
    const { sha256 } = await blobs.put(randomBytes(20 * MB));
    for (let i = 0; i < 60; i += 1) {
      const stream = await blobs.get(sha256);
      assert.ok(stream);
      await once(stream, 'readable');
      stream.destroy();
    }
    // More than the client has connections: had one been kept, this would wait for ever.
    assert.equal((await buffer((await blobs.get(sha256, { start: 5, end: 10 })) ?? Readable.from([]))).length, 5);
  });
});

describe('S3: grants', () => {
  it('give one blob to whoever has them, and to nobody else', async () => {
    const blobs = await createS3Blobs(settings());
    const stored = await blobs.put(Buffer.from('content'));
    const grant = await blobs.grant?.(stored, 'get');
    assert.ok(grant);
    assert.equal(await (await fetch(grant.url)).text(), 'content');
    for (const url of [grant.url.replace(stored.sha256, '0'.repeat(64)), grant.url.split('?')[0] ?? '']) {
      const response = await fetch(url);
      assert.equal(response.status, 403);
      await response.body?.cancel();
    }
  });

  it('are not given for uploads where the service would take anything', async () => {
    const careless = await startS3({ checksDigests: false });
    try {
      const { endpoint, credentials } = careless;
      const blobs = await createS3Blobs(settings({ endpoint, credentials }));
      const stored = await blobs.put(Buffer.from('content'));
      assert.equal(await blobs.grant?.(stored, 'put'), undefined);
      assert.ok(await blobs.grant?.(stored, 'get'));
      assert.ok(
        careless.requests.some(request => /^DELETE .*probe-/.test(request)),
        'what it took is removed',
      );
    } finally {
      await careless.close();
    }
  });
});

async function badLine({ endpoint }: S3Server) {
  const proxy = await startCuttingProxy(Number(new URL(endpoint).port));
  return { proxy, endpoint: `http://127.0.0.1:${proxy.port}`, [Symbol.asyncDispose]: () => proxy.close() };
}
