import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { getRequestListener } from '@hono/node-server';
import { type Account, decode } from '@nats-io/jwt';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { startCuttingProxy } from '../../../test/support/cutting-proxy.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type S3Server, startS3 } from '../../../test/support/s3-server.ts';
import type { Blobs } from '../../blobs/blobs.ts';
import { blobsContract } from '../../blobs/blobs-contract.ts';
import { createDirectoryBlobs } from '../../blobs/directory.ts';
import { createRemoteBlobs } from '../../blobs/remote.ts';
import { createS3Blobs } from '../../blobs/s3.ts';
import { AppError } from '../../errors/app-error.ts';
import { Authority } from '../../fabric/credentials/authority.ts';
import { type AccountFacts, ProofChecker, proverOf } from '../../fabric/credentials/proof.ts';
import { silentLog } from '../../log/log.ts';
import { type BlobRoutesOptions, createBlobRoutes } from './blobs.ts';

let s3: S3Server;
let root: string;
let authority: Authority;
let count = 0;
beforeFirst(async () => {
  [s3, root] = await Promise.all([startS3(), mkdtemp(join(tmpdir(), 'blob-routes-'))]);
  authority = await Authority.open(join(root, 'authority'));
});
afterLast(async () => {
  await Promise.all([s3.close(), rm(root, { recursive: true })]);
});

const accountOf = async (one: Authority): Promise<AccountFacts> => {
  const { sub, nats } = decode<Account>(await one.accountJwt());
  return { account: sub, signers: new Set(nats.signing_keys?.map(String)), revocations: nats.revocations ?? {} };
};

const newPath = () => {
  count += 1;
  return join(root, String(count));
};

interface Hub extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Method and status of each answer. */
  readonly answers: string[];
}

async function serve(blobs: Blobs, options: Partial<BlobRoutesOptions> = {}): Promise<Hub> {
  const checker = new ProofChecker(() => accountOf(authority));
  const verifyWorker: BlobRoutesOptions['verifyWorker'] = (header, request) => checker.check(header, request);
  const routes = createBlobRoutes({ blobs, verifyWorker, log: silentLog, ...options });
  const handle = getRequestListener(routes.fetch);
  const answers: string[] = [];
  const server = createServer((request, response) => {
    response.once('finish', () => answers.push(`${request.method} ${response.statusCode}`));
    void handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, answers, [Symbol.asyncDispose]: close };
}

const worker = async (url: string, { text }: { text?: string } = {}) => {
  const authorize = await proverOf(text ?? (await authority.issue({ worker: 'wk_1' })).text);
  return await createRemoteBlobs({ url, authorize, spoolDirectory: join(root, 'spool') });
};

const inS3 = () => {
  const { endpoint, region, bucket, credentials } = s3;
  const prefix = `routes-${++count}/`;
  const where = { endpoint, region, bucket, credentials, prefix, spoolDirectory: join(root, 'hub-spool') };
  return createS3Blobs({ ...where, forcePathStyle: true, log: silentLog });
};

/** What a worker may not do, the contract does at the hub. */
const asWorker = (remote: Blobs, hub: Blobs): Blobs => ({
  put: (bytes, expected) => remote.put(bytes, expected),
  get: (sha256, range) => remote.get(sha256, range),
  read: (sha256, range) => remote.read(sha256, range),
  stat: sha256 => remote.stat(sha256),
  touch: sha256 => remote.touch(sha256),
  delete: sha256 => hub.delete(sha256),
  list: options => hub.list(options),
});

const backings = [
  { name: 'over a hub with a directory', open: () => createDirectoryBlobs(newPath()) },
  { name: 'over a hub with S3', open: inS3 },
];
for (const { name, open } of backings) {
  blobsContract(name, async test => {
    const blobs = await open();
    await using hub = await serve(blobs);
    await test(asWorker(await worker(hub.url), blobs));
  });
}

describe('blob routes', () => {
  it('answer only to the proof of a worker, made for this very request', async () => {
    const blobs = await createDirectoryBlobs(newPath());
    const { sha256 } = await blobs.put(Buffer.from('x'));
    await using hub = await serve(blobs);
    const { text, publicKey } = await authority.issue({ worker: 'wk_1' });
    const prove = await proverOf(text);
    const ask = async (method: string, authorization?: string) => {
      const headers = authorization === undefined ? undefined : { authorization };
      const response = await fetch(`${hub.url}/internal/blobs/${sha256}`, { method, headers });
      await response.body?.cancel();
      return response.status;
    };
    const ofOther = prove({ method: 'GET', subject: '0'.repeat(64) }, Date.now());
    for (const authorization of [undefined, `Bearer ${text.split('\n')[1]}`, 'Boxswain-Proof 1.x.y', ofOther]) {
      for (const method of ['GET', 'PUT', 'HEAD']) assert.equal(await ask(method, authorization), 401);
    }
    const proof = prove({ method: 'GET', subject: sha256 }, Date.now());
    assert.equal(await ask('GET', proof), 200);
    assert.equal(await ask('HEAD', proof), 401);
    await authority.revoke(publicKey);
    assert.equal(await ask('GET', proof), 401);
    const stranger = await worker(hub.url, await (await Authority.open(newPath())).issue({ worker: 'wk_1' }));
    await assert.rejects(stranger.read(sha256), { code: 'UNAUTHORIZED' });
    await assert.rejects(stranger.put(Buffer.from('y')), { code: 'UNAUTHORIZED' });
  });

  it('serve a worker whose clock is wrong by hours', async () => {
    const blobs = await createDirectoryBlobs(newPath());
    const { sha256 } = await blobs.put(Buffer.from('x'));
    const checker = new ProofChecker(
      () => accountOf(authority),
      () => Date.now() + 7_200_000,
    );
    await using hub = await serve(blobs, { verifyWorker: (header, request) => checker.check(header, request) });
    const remote = await worker(hub.url);
    assert.equal(String(await remote.read(sha256)), 'x');
    assert.equal(String(await remote.read(sha256)), 'x');
    await eventually(() => String(hub.answers) === 'GET 401,GET 200,GET 200');
  });

  it('are repeated while nobody can tell whether a credential is good', async () => {
    const blobs = await createDirectoryBlobs(newPath());
    const { sha256 } = await blobs.put(Buffer.from('x'));
    let count = 0;
    const checker = new ProofChecker(() => {
      count += 1;
      return count === 1 ? Promise.reject(new Error('the broker is away')) : accountOf(authority);
    });
    await using hub = await serve(blobs, { verifyWorker: (header, request) => checker.check(header, request) });
    assert.equal(String(await (await worker(hub.url)).read(sha256)), 'x');
    await eventually(() => String(hub.answers) === 'GET 503,GET 200');
  });

  it('that a hub does not have are no place where content seems to be kept', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const remote = await worker(`http://127.0.0.1:${address.port}`);
    await assert.rejects(remote.put(Buffer.from('x')), { code: 'CAPABILITY_UNSUPPORTED' });
    server.closeAllConnections();
    server.close();
  });

  it('refuse content that is not that of the hash, too large, or of no told size, and keep nothing', async () => {
    const directory = newPath();
    const blobs = await createDirectoryBlobs(directory);
    await using hub = await serve(blobs, { maxBytes: 100 });
    const prove = await proverOf((await authority.issue({ worker: 'wk_1' })).text);
    const put = async (path: string, init: RequestInit & { duplex?: 'half' }) => {
      const headers = { authorization: prove({ method: 'PUT', subject: path }, Date.now()) };
      const response = await fetch(`${hub.url}/internal/blobs/${path}`, { method: 'PUT', headers, ...init });
      await response.body?.cancel();
      return response.status;
    };
    const zeros = '0'.repeat(64);
    assert.equal(await put(zeros, { body: 'fake' }), 400);
    assert.equal(await put(zeros, { body: 'x'.repeat(101) }), 413);
    assert.equal(await put('nonsense', { body: 'x' }), 400);
    assert.equal(await put(zeros, { body: new Blob(['x']).stream(), duplex: 'half' }), 411);
    assert.deepEqual(await readdir(join(directory, 'tmp')), []);
    assert.deepEqual(await Array.fromAsync(blobs.list({ olderThanMs: -60_000 })), []);
    const remote = await worker(hub.url);
    await assert.rejects(remote.put(Buffer.alloc(101)), (error: unknown) => error instanceof AppError);
  });

  it('send content that is there already nowhere', async () => {
    const blobs = await createDirectoryBlobs(newPath());
    await using hub = await serve(blobs);
    const remote = await worker(hub.url);
    await remote.put(Buffer.from('once'));
    await remote.put(Buffer.from('once'));
    assert.deepEqual(hub.answers, ['PUT 202', 'PUT 201', 'PUT 200']);
  });

  it('send workers to the service where there is one; its content never passes the hub', async () => {
    await using hub = await serve(await inS3());
    const remote = await worker(hub.url);
    const bytes = randomBytes(1_000_000);
    const { sha256 } = await remote.put(bytes);
    assert.deepEqual(await remote.read(sha256), bytes);
    assert.deepEqual(hub.answers, ['PUT 307', 'GET 307']);
  });

  it('a granted upload takes no other content', async () => {
    const blobs = await inS3();
    const { sha256, sizeBytes } = { sha256: '0'.repeat(64), sizeBytes: 4 };
    const grant = await blobs.grant?.({ sha256, sizeBytes }, 'put');
    assert.ok(grant);
    for (const headers of [grant.headers, {}]) {
      const response = await fetch(grant.url, { method: 'PUT', headers, body: 'fake' });
      assert.ok(!response.ok, String(response.status));
      await response.body?.cancel();
    }
    assert.equal(await blobs.stat(sha256), undefined);
  });

  it('a worker on a bad line gets and puts everything', async () => {
    const blobs = await createDirectoryBlobs(newPath());
    await using hub = await serve(blobs);
    const proxy = await startCuttingProxy(hub.port);
    const remote = await worker(`http://127.0.0.1:${proxy.port}`);
    const bytes = randomBytes(3_000_000);
    proxy.cutAfter({ up: 1_000_000 });
    const put = remote.put(bytes);
    while (proxy.cuts() < 2) await new Promise(resolve => setImmediate(resolve));
    proxy.cutAfter({ down: 500_000 });
    const { sha256 } = await put;
    assert.deepEqual(await remote.read(sha256), bytes);
    assert.ok(proxy.cuts() > 6, String(proxy.cuts()));
    await proxy.close();
  });
});
