import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface SignedRequest {
  readonly method: string;
  /** The request target as it was sent. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** SHA-256 of the body. */
  readonly bodyDigest: Buffer;
}

export interface KeyPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const MAX_SKEW_MS = 15 * 60_000;

/** The S3 error code of a request that its signature (AWS version 4, in the header or the address) does not cover, or undefined. */
export function refusalOf(request: SignedRequest, keys: KeyPair): string | undefined {
  const claim = claimOf(request);
  if (!claim) return 'AccessDenied';
  const [accessKeyId, date = '', region = '', service = '', end = ''] = claim.credential.split('/');
  if (accessKeyId !== keys.accessKeyId) return 'InvalidAccessKeyId';
  const time = Date.parse(claim.time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const age = Date.now() - time;
  if (!(age > -MAX_SKEW_MS && age < (claim.expiresMs ?? MAX_SKEW_MS))) {
    return claim.expiresMs === undefined ? 'RequestTimeTooSkewed' : 'AccessDenied';
  }
  const canonical = [
    request.method,
    request.url.pathname,
    queryOf(request.url),
    ...claim.signedHeaders.map(name => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    claim.signedHeaders.join(';'),
    claim.payload,
  ].join('\n');
  const scope = [date, region, service, end].join('/');
  const signing = [date, region, service, end].reduce<string | Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    `AWS4${keys.secretAccessKey}`,
  );
  const toSign = ['AWS4-HMAC-SHA256', claim.time, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  const expected = createHmac('sha256', signing).update(toSign).digest('hex');
  if (expected !== claim.signature) return 'SignatureDoesNotMatch';
  const { payload } = claim;
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== request.bodyDigest.toString('hex'))
    return 'XAmzContentSHA256Mismatch';
  const checksum = request.headers['x-amz-checksum-sha256'];
  if (checksum !== undefined && checksum !== request.bodyDigest.toString('base64')) return 'BadDigest';
  return undefined;
}

interface Claim {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly time: string;
  readonly payload: string;
  readonly expiresMs?: number;
}

function claimOf({ url, headers }: SignedRequest): Claim | undefined {
  const payload = String(headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD');
  const query = url.searchParams;
  if (query.has('X-Amz-Signature')) {
    return {
      credential: query.get('X-Amz-Credential') ?? '',
      signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
      signature: query.get('X-Amz-Signature') ?? '',
      time: query.get('X-Amz-Date') ?? '',
      payload,
      expiresMs: Number(query.get('X-Amz-Expires')) * 1000,
    };
  }
  const found = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  if (!found) return undefined;
  const [, credential = '', signedHeaders = '', signature = ''] = found;
  const time = String(headers['x-amz-date'] ?? '');
  return { credential, signedHeaders: signedHeaders.split(';'), signature, time, payload };
}

function queryOf(url: URL): string {
  return [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');
}

const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
