import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Log } from '../log/log.ts';
import type { Blobs, Grant, Sha256, StoredBlob } from './blobs.ts';
import { blobOf, type Expected, isHash, type Range, refuseMismatch, verified } from './content.ts';
import { type Opened, resumedRead } from './resumed.ts';
import { S3Grants } from './s3-grants.ts';
import { Spool } from './spool.ts';

const PART_BYTES = 8 * 1_048_576;
const MAX_PARTS = 10_000;
/** Parts of one upload that are in memory and on their way at a time. */
const PARTS_IN_FLIGHT = 2;
const READ_BYTES = 1_048_576;

export interface S3Options {
  /** Address of an S3-compatible service; without it Amazon's own of the region. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  /** Put in front of every hash; default `blobs/`. */
  readonly prefix?: string;
  /** Without them the usual chain: environment, shared files, the machine's role. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** The bucket is named in the path, as most services other than Amazon's want it. */
  readonly forcePathStyle: boolean;
  /** Where content waits for its upload; default: a private directory of the system's for temporary files. */
  readonly spoolDirectory?: string;
  readonly log: Log;
}

type Sdk = typeof import('@aws-sdk/client-s3') & typeof import('@aws-sdk/lib-storage');

/**
 * Blobs as objects `<prefix><hash>` of one bucket. Content is hashed on its way into a local file and only then uploaded, as one
 * request or as parts that become visible together, so an object is whole and right or absent, whenever the process dies. What
 * requests lose on the way is sent again. Let a rule of the bucket abort incomplete uploads: a killed process leaves their parts.
 */
export async function createS3Blobs(options: S3Options): Promise<Blobs> {
  // Loaded here, because most installations keep their blobs in a directory and should not wait for it.
  const [client, storage] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')]);
  return new S3Blobs(options, { sdk: { ...client, ...storage }, spool: await Spool.open(options.spoolDirectory) });
}

class S3Blobs implements Blobs {
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #spool: Spool;
  readonly #grants: S3Grants;
  readonly #log: Log;

  constructor(options: S3Options, { sdk, spool }: { sdk: Sdk; spool: Spool }) {
    this.#sdk = sdk;
    this.#bucket = options.bucket;
    this.#prefix = options.prefix ?? 'blobs/';
    this.#spool = spool;
    this.#log = options.log;
    this.#client = new sdk.S3Client({
      endpoint: options.endpoint,
      region: options.region,
      credentials: options.credentials,
      forcePathStyle: options.forcePathStyle,
      maxAttempts: 6,
      // Many services do not know the trailing checksums that are sent by default; the payload's signature covers it anyway.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: 5_000, socketTimeout: 30_000 },
    });
    this.#grants = new S3Grants(this.#client, { bucket: this.#bucket, prefix: this.#prefix, log: options.log });
  }

  async put(bytes: Readable | Uint8Array, expected: Expected = {}): Promise<StoredBlob> {
    if (!(bytes instanceof Uint8Array)) {
      return await this.#spool.hold(bytes, expected, ({ path, blob }) =>
        this.#upload(blob, () => Readable.from(verified(createReadStream(path, READ), blob.sha256), BYTES)),
      );
    }
    const blob = blobOf(bytes);
    refuseMismatch(blob, expected);
    return await this.#upload(blob, () => bytes);
  }

  async get(sha256: Sha256, range: Range = { start: 0 }): Promise<Readable | undefined> {
    const stat = () => this.stat(sha256);
    return await resumedRead({ sha256, range, stat, open: start => this.#open(sha256, { ...range, start }) });
  }

  async read(sha256: Sha256, range?: Range): Promise<Buffer | undefined> {
    const stream = await this.get(sha256, range);
    return stream && (await buffer(stream));
  }

  async stat(sha256: Sha256): Promise<StoredBlob | undefined> {
    if (!isHash(sha256)) return undefined;
    const head = await this.#absentAsUndefined(
      this.#client.send(new this.#sdk.HeadObjectCommand(this.#objectOf(sha256))),
    );
    return head && { sha256, sizeBytes: head.ContentLength ?? 0 };
  }

  /** An object's age starts anew when it is copied onto itself. Undefined also where the service cannot do that (beyond 5 GB). */
  async touch(sha256: Sha256): Promise<StoredBlob | undefined> {
    const there = await this.stat(sha256);
    if (!there) return undefined;
    const object = this.#objectOf(sha256);
    const source = `${object.Bucket}/${object.Key}`.split('/').map(encodeURIComponent).join('/');
    const renewal = { MetadataDirective: 'REPLACE', ContentType: CONTENT_TYPE } as const;
    try {
      await this.#client.send(new this.#sdk.CopyObjectCommand({ ...object, ...renewal, CopySource: source }));
      return there;
    } catch (error) {
      this.#log.debug({ err: error, sha256 }, 'a blob that is there could not be touched');
      return undefined;
    }
  }

  async grant(blob: StoredBlob, verb: 'get' | 'put'): Promise<Grant | undefined> {
    return await this.#grants.grant(blob, verb);
  }

  async delete(sha256: Sha256): Promise<void> {
    if (isHash(sha256)) await this.#client.send(new this.#sdk.DeleteObjectCommand(this.#objectOf(sha256)));
  }

  /** Age is told by the service's clock. */
  async *list({ olderThanMs }: { olderThanMs: number }): AsyncIterable<StoredBlob> {
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new this.#sdk.ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#prefix,
          ContinuationToken: token,
        }),
      );
      const before = Date.now() + this.#client.config.systemClockOffset - olderThanMs;
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        const sha256 = Key.slice(this.#prefix.length);
        if (isHash(sha256) && LastModified && LastModified.getTime() < before) yield { sha256, sizeBytes: Size };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async #upload(blob: StoredBlob, body: () => Readable | Uint8Array): Promise<StoredBlob> {
    // What is there and was cut short, by a service that is not whole itself, is written again.
    if ((await this.touch(blob.sha256))?.sizeBytes === blob.sizeBytes) return blob;
    const upload = new this.#sdk.Upload({
      client: this.#client,
      params: { ...this.#objectOf(blob.sha256), Body: body(), ContentType: CONTENT_TYPE },
      partSize: Math.max(PART_BYTES, Math.ceil(blob.sizeBytes / MAX_PARTS)),
      queueSize: PARTS_IN_FLIGHT,
    });
    await upload.done();
    return blob;
  }

  async #open(sha256: Sha256, { start, end }: Range): Promise<Opened | undefined> {
    const isPart = start > 0 || end !== undefined;
    const range = isPart ? `bytes=${start}-${end === undefined ? '' : end - 1}` : undefined;
    try {
      const { Body, ContentLength, ContentRange } = await this.#client.send(
        new this.#sdk.GetObjectCommand({ ...this.#objectOf(sha256), Range: range }),
      );
      if (!(Body instanceof Readable)) throw new Error('the service answered without a body');
      const part = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '');
      if (Number(part?.[1] ?? 0) === start) return { body: Body, totalBytes: Number(part?.[2] ?? ContentLength) };
      Body.destroy();
      throw new Error('the service answered with another range than it was asked for');
    } catch (error) {
      if (this.#isAbsent(error)) return undefined;
      // Nothing of the range is there: it lies behind the end.
      if (this.#statusOf(error) === 416) return { body: Readable.from([]), totalBytes: 0 };
      throw error;
    }
  }

  async #absentAsUndefined<Value>(work: Promise<Value>): Promise<Value | undefined> {
    try {
      return await work;
    } catch (error) {
      if (this.#isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** A bucket that is not there is a fault of the installation, and not an absent blob. */
  #isAbsent(error: unknown): boolean {
    return this.#statusOf(error) === 404 && !(error instanceof this.#sdk.NoSuchBucket);
  }

  #statusOf(error: unknown): number | undefined {
    return error instanceof this.#sdk.S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  }

  #objectOf(sha256: Sha256): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${sha256}` };
  }
}

const CONTENT_TYPE = 'application/octet-stream';
const READ = { highWaterMark: READ_BYTES };
const BYTES = { objectMode: false };
