import { AppError } from '../../errors/app-error.ts';
import { badArgument } from '../arguments.ts';

/** What one call may carry, decoded. */
const MAX_CONTENT_BYTES = 3 * 1024 * 1024;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export type Encoding = 'utf8' | 'base64';

/** The bytes of a `content` argument. Throws VALIDATION_ERROR, and FILE_TOO_LARGE beyond 3 MiB. */
export function decodeContent(content: string, { encoding, path }: { encoding: Encoding; path: string }): Buffer {
  checkContent(content, { encoding, path });
  return Buffer.from(content, encoding);
}

/** The same checks for content that travels on as it is. */
export function checkContent(content: string, { encoding, path }: { encoding: Encoding; path: string }): void {
  if (encoding === 'utf8' && !content.isWellFormed()) {
    throw badArgument('content', 'holds half a surrogate pair', 'send the bytes with encoding: "base64"');
  }
  if (encoding === 'base64' && (content.length % 4 !== 0 || !BASE64.test(content))) {
    throw badArgument('content', 'is not valid base64', 'encode the bytes as base64 with padding and no line breaks');
  }
  const sizeBytes = Buffer.byteLength(content, encoding);
  if (sizeBytes <= MAX_CONTENT_BYTES) return;
  throw new AppError('FILE_TOO_LARGE', `${path} would have ${sizeBytes} bytes, a call carries ${MAX_CONTENT_BYTES}`, {
    hint: 'write it in parts with run_command, or send it with artifact_upload over HTTP (POST /api/artifacts)',
    details: { path, size_bytes: sizeBytes, max_bytes: MAX_CONTENT_BYTES },
  });
}

/**
 * As text as many of the bytes as are whole characters; the end of a character that is cut off is left for the next slice.
 * Undefined when the bytes are no UTF-8.
 */
export function wholeCharacters(
  bytes: Buffer,
  { isEnd }: { isEnd: boolean },
): { text: string; bytes: number } | undefined {
  const length = isEnd ? bytes.length : bytes.length - cutOff(bytes);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
    return { text, bytes: length };
  } catch {
    return undefined;
  }
}

/** Bytes at the end that begin a character and do not finish it: 0 to 3. */
function cutOff(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return characterLength(byte) > back ? back : 0;
  }
  return 0;
}

/** Bytes of the character that this byte begins; 1 for what begins none. */
function characterLength(byte: number): number {
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xf0 && byte <= 0xf4 ? 4 : 1;
}
