import { pino } from 'pino';
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
export function createLog(options: { level: string; isTerminal?: boolean }): Log {
  const isTerminal = options.isTerminal ?? process.stderr.isTTY === true;
  const redact = { paths: REDACTED, censor: '[redacted]' };
  const settings = { level: options.level, redact, base: null, mixin: scopeFields };
  return pino(settings, isTerminal ? textStream(process.stderr) : pino.destination({ dest: 2, sync: true }));
}

export const silentLog: Log = pino({ level: 'silent' });
