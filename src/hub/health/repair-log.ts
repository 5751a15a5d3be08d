import { z } from 'zod';
import type { Log } from '../../log/log.ts';

/** What the hub did by itself, or could not do. */
export interface Repair {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly action: string;
  readonly details: string;
}

const MOST = 100;

/** Of a log line, what anybody who may read may see: nothing that belongs to one caller, and no error's own words. */
const told = z.object({
  worker: z.string().optional(),
  work: z.string().optional(),
  blobs: z.number().optional(),
  records: z.number().optional(),
  runs: z.number().optional(),
});

/** The newest notable lines of a hub's log, kept in memory: that of `log`, which passes everything on. */
export class RepairLog {
  readonly #kept: Repair[] = [];

  /** The newest first. */
  get entries(): readonly Repair[] {
    return this.#kept.toReversed();
  }

  note(action: string, fields: object): void {
    const named = Object.entries(told.safeParse(fields).data ?? {}).filter(([, value]) => value !== undefined);
    const details = named.map(([name, value]) => `${name} ${value}`).join(', ');
    this.#kept.push({ timestamp: Date.now(), action, details });
    if (this.#kept.length > MOST) this.#kept.shift();
  }

  /** A log that is listened to. */
  beside(log: Log): Log {
    const noting = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
      this.note(message, fields);
      log[level](fields, message);
    };
    return {
      debug: (fields, message) => log.debug(fields, message),
      info: noting('info'),
      warn: noting('warn'),
      error: noting('error'),
      child: bindings => this.beside(log.child(bindings)),
    };
  }
}
