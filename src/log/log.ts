import { type Logger, pino } from 'pino';
import { scopeFields } from '../telemetry/scope.ts';
import { textStream } from './text-stream.ts';

/** Structured log lines on stderr; stdout belongs to the protocol in stdio mode. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: Record<string, string>): Log;
}

/** The log of a process: what is made of it follows its level. */
export interface LevelledLog extends Log {
  setLevel(level: string): void;
}

/** Values under these names never reach a log line. */
const REDACTED = [
  'authorization',
  'token',
  'password',
  'secret',
  'env',
  '*.authorization',
  '*.token',
  '*.password',
  '*.secret',
  '*.env',
];

/** JSON lines, or text where stderr is a terminal. A line that a call caused has the id of its `request`. */
export function createLog(options: { level: string; isTerminal?: boolean }): LevelledLog {
  const isTerminal = options.isTerminal ?? process.stderr.isTTY === true;
  const redact = { paths: REDACTED, censor: '[redacted]' };
  const children = new Children();
  const settings = {
    level: options.level,
    redact,
    base: null,
    mixin: scopeFields,
    onChild: (child: Logger) => children.add(child),
  };
  const root = pino(settings, isTerminal ? textStream(process.stderr) : pino.destination({ dest: 2, sync: true }));
  return Object.assign(root, {
    setLevel: (level: string) => {
      root.level = level;
      children.setLevel(level);
    },
  });
}

/** Each child keeps the level that its parent had, so they must be told; most live as long as one workspace. */
class Children {
  #known: WeakRef<Logger>[] = [];
  #purgeAt = 64;

  add(child: Logger): void {
    this.#known.push(new WeakRef(child));
    if (this.#known.length < this.#purgeAt) return;
    this.#known = this.#known.filter(known => known.deref() !== undefined);
    this.#purgeAt = Math.max(64, this.#known.length * 2);
  }

  setLevel(level: string): void {
    for (const known of this.#known) {
      const child = known.deref();
      if (child) child.level = level;
    }
  }
}

export const silentLog: Log = pino({ level: 'silent' });
