import type { Outcome } from '../../protocol/jobs.ts';
import type { Command, CommandReport } from './command.ts';

/** Long enough for any resend: callers give up long before. */
const KEEP_MS = 15 * 60_000;
const MAX_COMMANDS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** What a resend needs of a command: of itself, or of what is kept of it. */
export type KnownCommand = Pick<Command, 'id' | 'isDetached' | 'outcome' | 'report' | 'state' | 'wait'>;

/** Without its job, whose texts may be long, and without whatever waited for it or could stop it. */
class EndedCommand implements KnownCommand {
  readonly id: string;
  readonly state = 'ended';
  readonly outcome: Outcome;
  isDetached: boolean;

  constructor({ id, isDetached }: Command, outcome: Outcome) {
    this.id = id;
    this.isDetached = isDetached;
    this.outcome = outcome;
  }

  async wait(): Promise<void> {}

  report(): CommandReport {
    return { state: 'ended', outcome: this.outcome };
  }
}

interface Kept {
  readonly command: EndedCommand;
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

  get(key: string): KnownCommand | undefined {
    return this.#kept.get(key)?.command;
  }

  /** One that has no outcome is not kept. */
  add(key: string, command: Command): void {
    const { outcome } = command;
    if (outcome === undefined) return;
    const now = this.#now();
    const bytes = sizeOf(outcome);
    this.#kept.set(key, { command: new EndedCommand(command, outcome), endedAt: now, bytes });
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
function sizeOf({ end }: Outcome): number {
  let bytes = 1024;
  if (end.kind !== 'completed') return bytes;
  const { output } = end;
  for (const name in output) {
    const value = output[name];
    if (typeof value === 'string') bytes += value.length;
    else if (value !== null && typeof value === 'object') bytes += JSON.stringify(value).length;
  }
  return bytes;
}
