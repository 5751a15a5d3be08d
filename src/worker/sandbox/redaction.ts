import type { z } from 'zod';

export interface Secret {
  readonly name: string;
  readonly value: string;
}

const maskOf = ({ name }: Secret): string => `[secret:${name}]`;

/** Longest first: where one secret begins with another, the longer one is what was meant. */
const byLength = (secrets: readonly Secret[]): Secret[] =>
  secrets.filter(({ value }) => value !== '').sort((a, b) => b.value.length - a.value.length);

/** Masks secrets in a stream, also those that come in pieces: holds back what may be the beginning of one. */
export class StreamRedactor {
  readonly #secrets: readonly { readonly bytes: Buffer; readonly mask: Buffer }[];
  readonly #longest: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(secrets: readonly Secret[]) {
    this.#secrets = byLength(secrets).map(secret => ({
      bytes: Buffer.from(secret.value),
      mask: Buffer.from(maskOf(secret)),
    }));
    this.#longest = Math.max(1, ...this.#secrets.map(({ bytes }) => bytes.length));
  }

  /** What is safe to show by now. */
  push(chunk: Uint8Array): Buffer {
    const bytes = Buffer.concat([this.#held, chunk]);
    // Before this position every secret that begins there would be whole by now.
    return this.#mask(bytes, Math.max(0, bytes.length - this.#longest + 1));
  }

  /** The rest, at the end of the stream. */
  flush(): Buffer {
    return this.#mask(this.#held, this.#held.length);
  }

  #mask(bytes: Buffer, until: number): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    while (true) {
      const found = this.#find(bytes, at);
      if (found === undefined || found.index >= until) break;
      parts.push(bytes.subarray(at, found.index), found.mask);
      at = found.index + found.length;
    }
    const end = Math.max(at, until);
    parts.push(bytes.subarray(at, end));
    this.#held = Buffer.from(bytes.subarray(end));
    return Buffer.concat(parts);
  }

  #find(bytes: Buffer, from: number): { index: number; length: number; mask: Buffer } | undefined {
    let found: { index: number; length: number; mask: Buffer } | undefined;
    for (const secret of this.#secrets) {
      const index = bytes.indexOf(secret.bytes, from);
      if (index < 0 || (found !== undefined && found.index <= index)) continue;
      found = { index, length: secret.bytes.length, mask: secret.mask };
    }
    return found;
  }
}

type Json = z.core.util.JSONType;
type JsonObject = Record<string, Json>;

/** The value with every secret masked in its strings; keys are ours and stay. */
export function redactObject(value: JsonObject, secrets: readonly Secret[]): JsonObject {
  return secrets.length === 0 ? value : eachValue(value, byLength(secrets));
}

export function redactText(text: string, secrets: readonly Secret[]): string {
  return byLength(secrets).reduce((masked, secret) => masked.replaceAll(secret.value, () => maskOf(secret)), text);
}

function redact(value: Json, secrets: readonly Secret[]): Json {
  if (typeof value === 'string') return redactText(value, secrets);
  if (Array.isArray(value)) return value.map(item => redact(item, secrets));
  if (value === null || typeof value !== 'object') return value;
  return eachValue(value, secrets);
}

const eachValue = (value: JsonObject, secrets: readonly Secret[]): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, secrets)]));
