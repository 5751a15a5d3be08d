import { randomUUID } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Log } from '../log/log.ts';
import type { Grant, StoredBlob } from './blobs.ts';
import { blobOf } from './content.ts';

const EXPIRES_SECONDS = 900;
/** Of one request; larger content goes through the hub, in parts. */
const MAX_PUT_BYTES = 5 * 1024 ** 3;
const CHECKSUM = 'x-amz-checksum-sha256';

interface Place {
  readonly bucket: string;
  readonly prefix: string;
  readonly log: Log;
}

/** Presigned requests for one object each. */
export class S3Grants {
  readonly #client: S3Client;
  readonly #place: Place;
  #checksDigests: Promise<boolean> | undefined;

  constructor(client: S3Client, place: Place) {
    this.#client = client;
    this.#place = place;
  }

  async grant(blob: StoredBlob, verb: 'get' | 'put'): Promise<Grant | undefined> {
    const key = `${this.#place.prefix}${blob.sha256}`;
    if (verb === 'get') return await this.#presignedGet(key);
    if (blob.sizeBytes > MAX_PUT_BYTES || !(await this.#serviceChecksDigests())) return undefined;
    return await this.#presignedPut(key, blob);
  }

  /**
   * The digest is among the signed headers: it must be sent, and a service that checks it takes nothing else under this key. Older
   * services take anything. So the first grant is preceded by an attempt to cheat.
   */
  #serviceChecksDigests(): Promise<boolean> {
    this.#checksDigests ??= this.#tryToCheat().catch(error => {
      // Asked again next time.
      this.#checksDigests = undefined;
      throw error;
    });
    return this.#checksDigests;
  }

  async #tryToCheat(): Promise<boolean> {
    const key = `${this.#place.prefix}probe-${randomUUID()}`;
    const { url, headers } = await this.#presignedPut(key, blobOf(Buffer.from('true')));
    const response = await fetch(url, { method: 'PUT', headers, body: 'fake' });
    await response.body?.cancel();
    if (response.status >= 500) throw new Error(`the service answered with ${response.status}`);
    if (!response.ok) return true;
    const { DeleteObjectCommand } = await import('@aws-sdk/client-s3');
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#place.bucket, Key: key }));
    this.#place.log.warn({}, 'the S3 service does not check digests, so workers upload through the hub');
    return false;
  }

  async #presignedGet(key: string): Promise<Grant> {
    const [{ GetObjectCommand }, { getSignedUrl }] = await sdk();
    const command = new GetObjectCommand({ Bucket: this.#place.bucket, Key: key });
    return { url: await getSignedUrl(this.#client, command, { expiresIn: EXPIRES_SECONDS }), headers: {} };
  }

  async #presignedPut(key: string, { sha256 }: StoredBlob): Promise<Grant> {
    const [{ PutObjectCommand }, { getSignedUrl }] = await sdk();
    const digest = Buffer.from(sha256, 'hex').toString('base64');
    const command = new PutObjectCommand({ Bucket: this.#place.bucket, Key: key, ChecksumSHA256: digest });
    const options = { expiresIn: EXPIRES_SECONDS, unhoistableHeaders: new Set([CHECKSUM]) };
    return { url: await getSignedUrl(this.#client, command, options), headers: { [CHECKSUM]: digest } };
  }
}

const sdk = () => Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/s3-request-presigner')]);
