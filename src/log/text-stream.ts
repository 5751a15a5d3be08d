import { Writable } from 'node:stream';
import { visible } from './visible.ts';

const LEVELS: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** Turns pino's JSON lines into `12:00:01 info message key=value`, for people. */
export function textStream(out: NodeJS.WritableStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n')) if (line !== '') out.write(`${asText(line)}\n`);
      done();
    },
  });
}

function asText(line: string): string {
  const { level, time, msg, ...rest }: { level: number; time: number; msg?: string } = JSON.parse(line);
  const clock = new Date(time).toISOString().slice(11, 19);
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return visible([clock, LEVELS[level] ?? String(level), msg ?? '', ...fields].join(' '));
}
