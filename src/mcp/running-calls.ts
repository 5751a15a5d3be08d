import type { RequestId } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';

export interface RunningCall {
  readonly signal: AbortSignal;
  /** Must be called when the call has settled. */
  end(): void;
}

/**
 * A call that is cancelled when `from` aborts. The listener is taken off at the end, because the SDK's signal also fires
 * after a normal end, and work that became a task must outlive its request.
 */
export function linkedCall(from: AbortSignal): RunningCall {
  const controller = new AbortController();
  if (from.aborted) controller.abort(from.reason);
  const abort = (): void => controller.abort(from.reason);
  from.addEventListener('abort', abort, { once: true });
  return { signal: controller.signal, end: () => from.removeEventListener('abort', abort) };
}

/**
 * Calls of clients without a session in the legacy era. There a lost connection does not cancel, and the notification that
 * does arrives in another request; so it is matched by caller and request id.
 */
export class RunningCalls {
  readonly #calls = new Map<string, Set<AbortController>>();

  start(caller: Caller, id: RequestId): RunningCall {
    const key = keyOf(caller, id);
    const controller = new AbortController();
    const sameId = this.#calls.get(key) ?? new Set();
    this.#calls.set(key, sameId.add(controller));
    return {
      signal: controller.signal,
      end: () => {
        sameId.delete(controller);
        if (sameId.size === 0 && this.#calls.get(key) === sameId) this.#calls.delete(key);
      },
    };
  }

  /** Cancels the caller's running call of that id. Where several have it, whose is meant cannot be known: nothing happens. */
  cancel(caller: Pick<Caller, 'id'>, id: RequestId): boolean {
    const sameId = this.#calls.get(keyOf(caller, id));
    if (sameId?.size !== 1) return false;
    for (const controller of sameId) controller.abort(new DOMException('the client cancelled the call', 'AbortError'));
    return true;
  }

  /** How many of the caller's running calls have this id. */
  count(caller: Pick<Caller, 'id'>, id: RequestId): number {
    return this.#calls.get(keyOf(caller, id))?.size ?? 0;
  }

  /** The server ends, and nobody is left to hear the answers. */
  cancelAll(): void {
    for (const sameId of this.#calls.values()) {
      for (const controller of sameId) controller.abort(new DOMException('the server ends', 'AbortError'));
    }
  }

  get size(): number {
    return this.#calls.size;
  }
}

/** How many calls run, of whatever era; for a server that wants to end when they have. */
export class ActiveCalls {
  #count = 0;
  #none: PromiseWithResolvers<void> | undefined;

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count > 0) return;
    this.#none?.resolve();
    this.#none = undefined;
  }

  /** Resolves when no call runs. */
  whenNone(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#none ??= Promise.withResolvers<void>();
    return this.#none.promise;
  }
}

const keyOf = (caller: Pick<Caller, 'id'>, id: RequestId): string => `${typeof id} ${id} ${caller.id}`;
