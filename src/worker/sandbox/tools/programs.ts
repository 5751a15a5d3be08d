import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { AppError } from '../../../errors/app-error.ts';
import type { RunEnd } from '../boxd/boxd.ts';
import { LastBytes } from './last-bytes.ts';
import type { ToolBox } from './toolbox.ts';

export interface Program {
  readonly argv: readonly string[];
  /** Relative to the workspace root, which it is by default. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProgramEnd extends RunEnd {
  /** The beginning of stdout. */
  readonly stdout: string;
  /** The end of both streams, in order of arrival. */
  readonly output: string;
  readonly isCut: boolean;
}

/** The most that is read of a report, and of an answer on stdout. */
const MAX_STDOUT_BYTES = 8 * 1024 * 1024;
export const SHOWN_OUTPUT_BYTES = 65_536;
const NOT_FOUND = 127;
const SYSTEM_PYTHON = '/usr/bin/python3';

/** Programs of one call, which share its time. */
export class Programs {
  readonly #box: ToolBox;
  readonly #until: number;

  constructor(box: ToolBox, { timeoutSeconds }: { timeoutSeconds: number }) {
    this.#box = box;
    this.#until = performance.now() + timeoutSeconds * 1000;
  }

  async run({ argv, cwd = '', env = {} }: Program): Promise<ProgramEnd> {
    const { boxd, outputBytes, signal } = this.#box;
    const timeoutMs = Math.max(1, Math.ceil(this.#until - performance.now()));
    const stdout: Uint8Array[] = [];
    let kept = 0;
    const last = new LastBytes(SHOWN_OUTPUT_BYTES);
    const onOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => {
      last.push(bytes);
      if (stream === 'stderr' || kept >= MAX_STDOUT_BYTES) return;
      stdout.push(bytes.subarray(0, MAX_STDOUT_BYTES - kept));
      kept += bytes.byteLength;
    };
    const end = await boxd.exec({ argv, cwd, env, timeoutMs, outputBytes }, { signal, onOutput });
    return { ...end, stdout: Buffer.concat(stdout).toString('utf8'), output: last.text(), isCut: last.isCut };
  }

  /**
   * Runs one of our own scripts in the box and reads its answer, one line of JSON. What is in the box may tamper with both, so
   * the answer must fit the schema; else PROGRAM's end decides: DISK_FULL, or INTERNAL_ERROR.
   */
  async ask<Answer>(script: string, args: readonly string[], schema: z.ZodType<Answer>): Promise<Answer> {
    const end = await this.run({ argv: [SYSTEM_PYTHON, '-I', '-c', script, ...args] });
    const answer = schema.safeParse(parseJson(end.stdout));
    if (answer.success) return answer.data;
    if (end.diskFull) throw diskFull();
    const reason = end.timedOut ? 'ran out of time' : 'gave no answer that could be read';
    throw new AppError('INTERNAL_ERROR', `a helper in the sandbox ${reason}`, {
      details: { exit_code: end.exitCode, output: end.output.slice(-2000) },
    });
  }
}

/** Source of a script that runs in the box: files of the folder beside this one, one after another. */
export const script = (...names: string[]): string =>
  names.map(name => readFileSync(new URL(`./scripts/${name}`, import.meta.url), 'utf8')).join('\n');

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** boxd answers as a shell does when there is no such program. */
export const isMissing = (end: ProgramEnd, program: string): boolean =>
  end.exitCode === NOT_FOUND && end.output.startsWith(`${program}: `);

export const isDiskFull = (end: ProgramEnd): boolean =>
  end.exitCode !== 0 && (end.diskFull || /No space left on device|Disk quota exceeded|ENOSPC/.test(end.output));

/** DISK_FULL: what the workspace may have is used up. */
export function diskFull(details: Record<string, unknown> = {}): AppError {
  return new AppError('DISK_FULL', "the workspace's disk_mb is used up", { details });
}

/** Exit code as a shell shows it; null where neither code nor signal is known. */
export function exitCodeOf({ exitCode, timedOut, signal }: RunEnd): number | null {
  if (exitCode !== null) return exitCode;
  return timedOut || signal === 'SIGKILL' ? 137 : null;
}

/** The line that tells most: the last that a pattern marks as an error, else the last that is not empty. */
export function errorLine(output: string, pattern = /^(?:error|fatal)\b/i): string {
  const lines = output
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
  return (lines.findLast(line => pattern.test(line)) ?? lines.at(-1) ?? 'it gave no output').slice(0, 500);
}
