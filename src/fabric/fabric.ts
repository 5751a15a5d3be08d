import type { LocalServers } from './local-servers.ts';

/** How hub and worker talk: at most once, may lose, order kept per sender and subject, at most 256 KiB a message. */
export interface Fabric {
  /** Where all parties are in one process: what they offer each other directly. A call of it keeps the rules of `request` by `limited`. */
  readonly local?: {
    readonly servers: LocalServers;
    /** Who asks, as a receiver of its messages would be told. */
    readonly name: string;
    limited<Value>(to: Address, answer: Promise<Value>, options: RequestOptions): Promise<Value>;
  };
  /** Throws NobodyThere at once when nobody serves the address, RequestTimeout when no answer came. */
  request(to: Address, body: Uint8Array, options: RequestOptions): Promise<Uint8Array>;
  /** Answers of all that serve the address, until `deadlineMs` or until everyone in `expect` answered. */
  gather(
    to: Address,
    body: Uint8Array,
    options: { deadlineMs: number; expect?: string[] },
  ): AsyncIterable<{ from: string; body: Uint8Array }>;
  serve(at: Address, handle: (body: Uint8Array, from: string) => Promise<Uint8Array>): Promise<Closer>;
  /** Live tails and nudges; lost when nobody listens. */
  publish(topic: string, body: Uint8Array): void;
  subscribe(topic: string, heard: (body: Uint8Array) => void): Promise<Closer>;
  close(): Promise<void>;
}

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type Address = { readonly worker: string } | { readonly workers: 'all' } | { readonly hub: 'any' };

export type Closer = () => Promise<void>;

export const MAX_MESSAGE_BYTES = 256 * 1024;

/** Nobody serves the address: certain, and known at once. */
export class NobodyThere extends Error {
  override readonly name = 'NobodyThere';
}

/** No answer came in time. Whether the request was received is not known. */
export class RequestTimeout extends Error {
  override readonly name = 'RequestTimeout';
}

/** A body over MAX_MESSAGE_BYTES. A reply that is too large fails the request that asked for it with this as well. */
export class MessageTooLarge extends Error {
  override readonly name = 'MessageTooLarge';

  constructor(sizeBytes: number) {
    super(`a message of ${sizeBytes} bytes is larger than ${MAX_MESSAGE_BYTES} bytes; send it as a blob`);
  }
}

/** A worker may speak and listen only as itself. */
export class NotPermitted extends Error {
  override readonly name = 'NotPermitted';
}
