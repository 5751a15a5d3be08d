import type { Command } from './command.ts';

/** Long enough for any resend: callers give up long before. */
const KEEP_MS = 15 * 60_000;
const MAX_COMMANDS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

interface Kept {
  readonly command: Command;
  readonly endedAt: number;
  readonly bytes: number;
}

/**
 * Commands that have ended, so that a resend gets the answer again instead of running again. Bounded in time, number and size;
 * the oldest go first.
 */
export class EndedCommands {
  /** In the order of their end. */
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;
  #bytes = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get(key: string): Command | undefined {
    return this.#kept.get(key)?.command;
  }

  add(key: string, command: Command): void {
    const now = this.#now();
    const bytes = sizeOf(command);
    this.#kept.set(key, { command, endedAt: now, bytes });
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      const isOver = this.#kept.size > MAX_COMMANDS || this.#bytes > MAX_BYTES || now - kept.endedAt > KEEP_MS;
      if (!isOver || oldest === key) break;
      this.#kept.delete(oldest);
      this.#bytes -= kept.bytes;
    }
  }

  /** Forgets those whose key begins so: their workspace is gone. */
  forget(prefix: string): void {
    for (const [key, kept] of this.#kept) {
      if (!key.startsWith(prefix)) continue;
      this.#kept.delete(key);
      this.#bytes -= kept.bytes;
    }
  }
}

/** What dominates an outcome are its strings; the fixed part covers the rest. */
function sizeOf({ outcome }: Command): number {
  let bytes = 1024;
  if (outcome?.end.kind !== 'completed') return bytes;
  const { output } = outcome.end;
  for (const name in output) {
    const value = output[name];
    if (typeof value === 'string') bytes += value.length;
    else if (value !== null && typeof value === 'object') bytes += JSON.stringify(value).length;
  }
  return bytes;
}
