import type { z } from 'zod';

export interface Secret {
  readonly name: string;
  readonly value: string;
}

const maskOf = ({ name }: Secret): string => `[secret:${name}]`;

/** Longest first: where one secret begins with another, the longer one is what was meant. */
const byLength = (secrets: readonly Secret[]): Secret[] =>
  secrets.filter(({ value }) => value !== '').sort((a, b) => b.value.length - a.value.length);

/** Masks secrets in a text that comes in pieces: holds back what may be the beginning of one. */
export class TextRedactor {
  readonly #secrets: readonly { readonly text: string; readonly mask: string }[];
  readonly #longest: number;
  #held = '';

  constructor(secrets: readonly Secret[], encode: (text: string) => string = text => text) {
    this.#secrets = byLength(secrets).map(secret => ({ text: encode(secret.value), mask: encode(maskOf(secret)) }));
    this.#longest = Math.max(1, ...this.#secrets.map(({ text }) => text.length));
  }

  /** What is safe to show by now. */
  push(piece: string): string {
    return this.#mask(this.#held + piece, { isWhole: false });
  }

  /** The rest, at the end of the text. */
  flush(): string {
    return this.#mask(this.#held, { isWhole: true });
  }

  #mask(text: string, { isWhole }: { isWhole: boolean }): string {
    let until = isWhole ? text.length : this.#openFrom(text, 0);
    let shown = '';
    for (let at = 0; ; ) {
      const found = this.#find(text, at);
      if (found === undefined || found.index >= until) {
        this.#held = text.slice(until);
        return shown + text.slice(at, until);
      }
      shown += text.slice(at, found.index) + found.mask;
      at = found.index + found.length;
      // What seemed to begin another was a piece of this one.
      if (at > until) until = this.#openFrom(text, at);
    }
  }

  /** From where on the text may go on to be a secret that is not whole yet. */
  #openFrom(text: string, at: number): number {
    for (let from = Math.max(at, text.length - this.#longest + 1); from < text.length; from += 1) {
      const rest = text.slice(from);
      if (this.#secrets.some(secret => secret.text.length > rest.length && secret.text.startsWith(rest))) return from;
    }
    return text.length;
  }

  #find(text: string, from: number): { index: number; length: number; mask: string } | undefined {
    let found: { index: number; length: number; mask: string } | undefined;
    for (const secret of this.#secrets) {
      const index = text.indexOf(secret.text, from);
      if (index < 0 || (found !== undefined && found.index <= index)) continue;
      found = { index, length: secret.text.length, mask: secret.mask };
    }
    return found;
  }
}

/** The same for bytes, whatever they mean. */
export class StreamRedactor {
  readonly #text: TextRedactor;

  constructor(secrets: readonly Secret[]) {
    this.#text = new TextRedactor(secrets, text => Buffer.from(text).toString('latin1'));
  }

  push(chunk: Uint8Array): Buffer {
    const { buffer, byteOffset, byteLength } = chunk;
    return Buffer.from(this.#text.push(Buffer.from(buffer, byteOffset, byteLength).toString('latin1')), 'latin1');
  }

  flush(): Buffer {
    return Buffer.from(this.#text.flush(), 'latin1');
  }
}

type Json = z.core.util.JSONType;
type JsonObject = Record<string, Json>;

/** The value with every secret masked in its strings; keys are ours and stay. */
export function redactObject(value: JsonObject, secrets: readonly Secret[]): JsonObject {
  return secrets.length === 0 ? value : eachValue(value, byLength(secrets));
}

/** The text with every secret masked by its name. */
export function redactText(text: string, secrets: readonly Secret[]): string {
  if (secrets.length === 0) return text;
  const redactor = new TextRedactor(secrets);
  return redactor.push(text) + redactor.flush();
}

function redact(value: Json, secrets: readonly Secret[]): Json {
  if (typeof value === 'string') return redactText(value, secrets);
  if (Array.isArray(value)) return value.map(item => redact(item, secrets));
  if (value === null || typeof value !== 'object') return value;
  return eachValue(value, secrets);
}

const eachValue = (value: JsonObject, secrets: readonly Secret[]): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, secrets)]));
