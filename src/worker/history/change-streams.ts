import { EventEmitter, on } from 'node:events';
import type { HistoryChange } from '../../protocol/history.ts';

/** Gives every listener all changes since it began to listen. */
export class ChangeStreams {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  get isWanted(): boolean {
    return this.#emitter.listenerCount('change') > 0;
  }

  push(changes: readonly HistoryChange[]): void {
    for (const change of changes) this.#emitter.emit('change', change);
  }

  /** Listens from the call on, not only from the first look at what it gives. Ends with `signal`, without an error. */
  open(signal: AbortSignal): AsyncIterable<HistoryChange> {
    if (signal.aborted) return empty();
    return untilAborted(on(this.#emitter, 'change', { signal, close: ['close'] }), signal);
  }

  close(): void {
    this.#emitter.emit('close');
  }
}

async function* empty(): AsyncGenerator<HistoryChange> {}

async function* untilAborted(
  events: AsyncIterable<readonly HistoryChange[]>,
  signal: AbortSignal,
): AsyncGenerator<HistoryChange> {
  try {
    for await (const [change] of events) if (change !== undefined) yield change;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
