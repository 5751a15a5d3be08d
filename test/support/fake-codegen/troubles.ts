import type { RequestKind } from './requests.ts';

/** What goes wrong with a request. Only `lie`, `until`, `answersAfter` and `delayMs` let it be answered in earnest. */
export interface Trouble {
  /** It is answered after that. */
  readonly until?: Promise<void>;
  readonly delayMs?: number;
  /** It is done at once, and answered after that. */
  readonly answersAfter?: Promise<void>;
  /** It is never answered, nor done. */
  readonly hangs?: boolean;
  /** The connection is cut: before anything is done, or after it is done, so that the answer is lost. */
  readonly cuts?: 'before' | 'after';
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the documented answer. A text goes as an HTML page. */
  readonly body?: unknown;
  /** Changes an answer into one that the document does not permit. */
  readonly lie?: (body: unknown) => unknown;
}

/** Troubles by kind of request: those for the next requests, first come, first served, and those that last. */
export class Troubles {
  readonly #next = new Map<RequestKind, Trouble[]>();
  readonly #lasting = new Map<RequestKind | 'all', Trouble>();

  /** The next `times` requests of this kind. */
  next(kind: RequestKind, trouble: Trouble, times = 1): void {
    this.#next.set(kind, [...(this.#next.get(kind) ?? []), ...Array.from({ length: times }, () => trouble)]);
  }

  /** All requests of this kind from now on. */
  always(kind: RequestKind | 'all', trouble: Trouble): void {
    this.#lasting.set(kind, trouble);
  }

  end(): void {
    this.#next.clear();
    this.#lasting.clear();
  }

  take(kind: RequestKind): Trouble {
    return this.#next.get(kind)?.shift() ?? this.#lasting.get(kind) ?? this.#lasting.get('all') ?? {};
  }
}

export const HTML_ERROR =
  '<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>';
