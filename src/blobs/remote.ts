import { openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Blobs, Sha256, StoredBlob } from './blobs.ts';
import { blobOf, type Expected, isHash, type Range, refuseMismatch } from './content.ts';
import { type Opened, resumedRead } from './resumed.ts';
import { Spool } from './spool.ts';
import { BLOBS_PATH, GRANT_HEADER, OFFER_HEADER, type Proved, TIME_HEADER } from './wire.ts';

const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 100;
/** What may be otherwise a moment later. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface RemoteOptions {
  /** Address of the hub, such as `https://hub.example.org`. */
  readonly url: string;
  /** The `authorization` of one request: a proof that only this worker can make, at that time of the hub. */
  authorize(request: Proved, time: number): string;
  /** Where content waits for its upload; see `Spool`. */
  readonly spoolDirectory?: string;
}

/**
 * Blobs as a worker has them: got from and put to a hub over HTTP, or where the hub grants it the service behind it. Requests that
 * fail are repeated, reads go on where they broke off. Listing and deleting are the hub's business and are refused.
 */
export async function createRemoteBlobs(options: RemoteOptions): Promise<Blobs> {
  return new RemoteBlobs(options, await Spool.open(options.spoolDirectory));
}

class RemoteBlobs implements Blobs {
  readonly #options: RemoteOptions;
  readonly #spool: Spool;
  /** How far the hub's clock is ahead of this one, once that has mattered. */
  #aheadMs = 0;

  constructor(options: RemoteOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
  }

  async put(bytes: Readable | Uint8Array, expected: Expected = {}): Promise<StoredBlob> {
    if (!(bytes instanceof Uint8Array)) {
      return await this.#spool.hold(bytes, expected, async ({ path, blob }) =>
        this.#upload(blob, await openAsBlob(path, { type: CONTENT_TYPE })),
      );
    }
    const blob = blobOf(bytes);
    refuseMismatch(blob, expected);
    return await this.#upload(blob, new Blob([Buffer.from(bytes)], { type: CONTENT_TYPE }));
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
    const { status, headers } = await this.#ask(sha256, { method: 'HEAD' });
    if (status === 404) return undefined;
    return { sha256, sizeBytes: Number(headers.get('content-length')) };
  }

  async touch(sha256: Sha256): Promise<StoredBlob | undefined> {
    const there = await this.stat(sha256);
    if (!there) return undefined;
    const headers = { [OFFER_HEADER]: String(there.sizeBytes) };
    const offer = await this.#ask(sha256, { method: 'PUT', headers });
    await discard(offer);
    return offer.status === 200 ? there : undefined;
  }

  delete(): Promise<void> {
    return Promise.reject(notHere());
  }

  // biome-ignore lint/correctness/useYield: it has nothing to give
  async *list(): AsyncIterable<StoredBlob> {
    throw notHere();
  }

  /** Offered first: what is there already need not travel, and the hub may name a better place for it. */
  async #upload(blob: StoredBlob, body: Blob): Promise<StoredBlob> {
    const offer = await this.#ask(blob.sha256, { method: 'PUT', headers: { [OFFER_HEADER]: String(blob.sizeBytes) } });
    const { status } = offer;
    // A hub that takes no contents of workers has no such route.
    if (status === 404) {
      await discard(offer);
      throw new AppError('CAPABILITY_UNSUPPORTED', 'the hub takes no contents from workers', {
        hint: 'start it with a token or an authority of its own; see docs/operating.md',
      });
    }
    const location = offer.headers.get('location');
    const granted = JSON.parse(offer.headers.get(GRANT_HEADER) ?? '{}');
    await discard(offer);
    if (status === 200) return blob;
    if (status === 307 && location !== null) {
      const headers = grantHeadersSchema.parse(granted);
      await discard(await repeated(() => fetch(location, { method: 'PUT', headers, body, redirect: 'error' }), NONE));
    } else {
      const response = await this.#ask(blob.sha256, { method: 'PUT', body });
      await discard(response);
      if (!response.ok) throw new RefusedWith(response.status);
    }
    return blob;
  }

  async #open(sha256: Sha256, { start, end }: Range): Promise<Opened | undefined> {
    const isPart = start > 0 || end !== undefined;
    const headers: Record<string, string> = isPart
      ? { range: `bytes=${start}-${end === undefined ? '' : end - 1}` }
      : {};
    const first = await this.#ask(sha256, { method: 'GET', headers });
    const location = first.headers.get('location');
    if (first.status === 307) await discard(first);
    const response =
      first.status === 307 && location !== null
        ? await repeated(() => fetch(location, { headers, redirect: 'error' }), ANSWERS)
        : first;
    if (response.status === 404) {
      await discard(response);
      return undefined;
    }
    if (response.status === 416) {
      await discard(response);
      return { body: Readable.from([]), totalBytes: 0 };
    }
    const part = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
    if (Number(part?.[1] ?? 0) !== start) throw new Error('the hub answered with another range than it was asked for');
    const totalBytes = Number(part?.[2] ?? response.headers.get('content-length'));
    return { body: response.body ? Readable.fromWeb(response.body) : Readable.from([]), totalBytes };
  }

  /** A request to the hub, which alone sees the proof. A clock that is wrong is found out by the first answer. */
  async #ask(sha256: Sha256, wanted: Wanted): Promise<Response> {
    const response = await repeated(() => this.#send(sha256, wanted), HUB_ANSWERS);
    if (response.status !== 401) return response;
    const time = Number(response.headers.get(TIME_HEADER) ?? Number.NaN);
    await discard(response);
    if (Number.isNaN(time)) throw failureOf(new RefusedWith(401));
    this.#aheadMs = time - Date.now();
    return await repeated(() => this.#send(sha256, wanted), ANSWERS);
  }

  async #send(sha256: Sha256, { method, headers, body }: Wanted): Promise<Response> {
    const url = new URL(`${BLOBS_PATH}${sha256}`, this.#options.url);
    const authorization = this.#options.authorize({ method, subject: sha256 }, Date.now() + this.#aheadMs);
    return await fetch(url, { method, headers: { ...headers, authorization }, body, redirect: 'manual' });
  }
}

interface Wanted {
  readonly method: string;
  readonly headers?: Record<string, string>;
  readonly body?: Blob;
}

/** Answers of 2xx and of the statuses given; whatever else is an error, after enough attempts. */
async function repeated(send: () => Promise<Response>, answers: ReadonlySet<number>): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await send();
      if (response.ok || answers.has(response.status)) return response;
      await discard(response);
      throw new RefusedWith(response.status);
    } catch (error) {
      const isFinal = error instanceof RefusedWith && !PASSING.has(error.status);
      if (isFinal || attempt === ATTEMPTS) throw failureOf(error);
      await delay(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
}

class RefusedWith extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the blob store answered with ${status}`);
    this.status = status;
  }
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof RefusedWith)) return error;
  if (error.status === 401 || error.status === 403) {
    return new AppError('UNAUTHORIZED', 'the hub refused the credential of this worker', {
      hint: 'join again with a new credential: boxswain worker token create',
      cause: error,
    });
  }
  if (error.status === 413) return new AppError('VALIDATION_ERROR', 'the content is larger than the hub takes');
  if (error.status === 507) return new AppError('DISK_FULL', 'the hub has no space left to store the content');
  return error;
}

const discard = async (response: Response): Promise<void> => await response.body?.cancel();

const notHere = (): AppError =>
  new AppError('CAPABILITY_UNSUPPORTED', 'a worker cannot list or delete blobs', { hint: 'the hub does that' });

const CONTENT_TYPE = 'application/octet-stream';
const ANSWERS: ReadonlySet<number> = new Set([307, 404, 416]);
const HUB_ANSWERS: ReadonlySet<number> = new Set([...ANSWERS, 401]);
const NONE: ReadonlySet<number> = new Set();
const grantHeadersSchema = z.record(z.string(), z.string());
