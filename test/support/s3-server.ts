import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as send, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable, Transform } from 'node:stream';
import S3rver from 's3rver';
import { type KeyPair, refusalOf } from './s3-signature.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly credentials: KeyPair;
  /** Requests that were let in: method and path with query. */
  readonly requests: string[];
  /** Keys of unfinished multipart uploads. */
  unfinishedUploads(): Promise<string[]>;
  /** Puts bytes under a key, past every check, as a fault of the service would. */
  tamper(key: string, bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

export interface S3ServerOptions {
  /** Where it keeps its objects; default: a directory that is removed at the end. */
  readonly directory?: string;
  /** Older services take what `x-amz-checksum-sha256` does not fit. */
  readonly checksDigests?: boolean;
}

const BUCKET = 'boxswain';
const REGION = 'eu-central-1';

/**
 * Starts an S3-compatible service with one bucket on a free port of loopback. `s3rver` stores; in front of it stands what it
 * lacks and real services have: it knows no signatures of version 4, lets everybody in without one, and writes objects in
 * place, so that others see half of them. Here a request whose signature or digest is not right is refused, and objects appear whole.
 */
export async function startS3({ directory, checksDigests = true }: S3ServerOptions = {}): Promise<S3Server> {
  const root = directory ?? (await mkdtemp(join(tmpdir(), 's3-')));
  const credentials: KeyPair = { accessKeyId: 'boxswain-test', secretAccessKey: randomUUID() };
  const backend = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory: root,
    vhostBuckets: false,
    configureBuckets: [{ name: BUCKET }],
  });
  const bodies = await mkdtemp(join(tmpdir(), 's3-bodies-'));
  storeWhole(backend.store);
  const { port } = await backend.run();
  const requests: string[] = [];
  const uploads = backend.store.getResourcePath(BUCKET, undefined, 'uploads');
  const front = createServer((request, response) => {
    answer(request, response).catch(error => response.destroy(error));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A body that breaks off never gets further than this. It waits in a file: tests measure the memory of their process.
    const path = join(bodies, randomUUID());
    try {
      const hash = createHash('sha256');
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(request, hashing, createWriteStream(path));
      await answerTo(request, response, { path, digest: hash.digest() });
    } finally {
      await rm(path, { force: true });
    }
  }

  async function answerTo(
    request: IncomingMessage,
    response: ServerResponse,
    body: { path: string; digest: Buffer },
  ): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '/', `http://${headers.host}`);
    const code = refusalOf({ method, url, headers, bodyDigest: body.digest }, credentials);
    if (code !== undefined && (checksDigests || code !== 'BadDigest')) {
      response.writeHead(code.startsWith('XAmz') || code === 'BadDigest' ? 400 : 403, {
        'content-type': 'application/xml',
      });
      response.end(
        `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>refused</Message></Error>`,
      );
      return;
    }
    requests.push(`${method} ${url.pathname}${url.search}`);
    const uploadId = url.searchParams.get('uploadId');
    if (method === 'DELETE' && uploadId !== null) {
      await rm(join(uploads, uploadId), { recursive: true, force: true });
      response.writeHead(204).end();
      return;
    }
    for (const name of [...url.searchParams.keys()]) if (/^x-amz-/i.test(name)) url.searchParams.delete(name);
    const { authorization: _, ...rest } = headers;
    const passed = {
      ...rest,
      'x-amz-date': String(headers['x-amz-date'] ?? ''),
      'content-length': (await stat(body.path)).size,
    };
    const path = `${url.pathname}${url.search}`;
    const onward = send({ host: '127.0.0.1', port, method, path, headers: passed });
    const replied = once(onward, 'response');
    await pipeline(createReadStream(body.path), onward);
    const [reply]: IncomingMessage[] = await replied;
    if (!reply) throw new Error('the store gave no answer');
    response.writeHead(reply.statusCode ?? 500, reply.headers);
    await pipeline(reply, response);
  }

  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const address = front.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    region: REGION,
    bucket: BUCKET,
    credentials,
    requests,
    unfinishedUploads: () => readdir(uploads).catch(() => []),
    tamper: async (key, bytes) => {
      await backend.store.putObject({ bucket: BUCKET, key, content: bytes, metadata: {} });
    },
    async close() {
      const closed = once(front, 'close');
      front.close();
      front.closeAllConnections();
      await closed;
      await backend.close();
      await rm(bodies, { recursive: true });
      if (directory === undefined) await rm(root, { recursive: true });
    },
  };
}

/** Objects and parts are written aside and renamed, and a copy onto itself makes an object new, as with real services. */
function storeWhole(store: S3rver['store']): void {
  const place = async (path: string, content: Buffer | Readable) => {
    await mkdir(dirname(path), { recursive: true });
    const draft = join(dirname(path), `draft-${randomUUID()}`);
    const md5 = createHash('md5');
    let size = 0;
    const measuring = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        md5.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    await pipeline(
      content instanceof Readable ? content : Readable.from([content]),
      measuring,
      createWriteStream(draft),
    );
    await rename(draft, path);
    return { size, md5: md5.digest('hex') };
  };
  store.putObject = async ({ bucket, key, content, metadata }) => {
    const stored = await place(store.getResourcePath(bucket, key, 'object'), content);
    await store.putMetadata(bucket, key, metadata, stored.md5);
    return stored;
  };
  store.putPart = async (bucket, uploadId, partNumber, content) => {
    const folder = join(store.getResourcePath(bucket, undefined, 'uploads'), uploadId);
    const stored = await place(join(folder, partNumber), content);
    await writeFile(join(folder, `${partNumber}.md5`), stored.md5);
    return stored;
  };
  const copyObject = store.copyObject.bind(store);
  store.copyObject = async (fromBucket, fromKey, bucket, key, metadata) => {
    const now = new Date();
    await utimes(store.getResourcePath(fromBucket, fromKey, 'object'), now, now);
    return await copyObject(fromBucket, fromKey, bucket, key, metadata);
  };
}
