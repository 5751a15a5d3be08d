import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { AppError } from '../errors/app-error.ts';
import { errorCodes } from '../errors/codes.ts';
import { visible } from '../log/visible.ts';
import type { Operation, OperationResult, Progress } from '../operations/operation.ts';

/** Where a command writes. Results go to `out`, everything about them to `err`. */
export interface Terminal {
  readonly isInteractive: boolean;
  out(text: string): void;
  err(text: string): void;
  progress(progress: Progress): void;
  clearProgress(): void;
  exitWith(code: number): void;
  /** One line that its user types. */
  ask(question: string, signal: AbortSignal): Promise<string>;
  /** The same, and what is typed is not shown. */
  askSecret(question: string, signal: AbortSignal): Promise<string>;
}

export function createTerminal(): Terminal {
  let hasProgress = false;
  const clearProgress = () => {
    if (hasProgress) process.stderr.write('\r\u001b[2K');
    hasProgress = false;
  };
  return {
    isInteractive: process.stdin.isTTY === true,
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    progress: ({ percent, stage, message }) => {
      if (!process.stderr.isTTY) return;
      clearProgress();
      const parts = [stage, percent === undefined ? undefined : `${Math.round(percent)}%`, message];
      process.stderr.write(
        parts
          .filter(part => part !== undefined && part !== '')
          .join(' ')
          .slice(0, (process.stderr.columns ?? 80) - 1),
      );
      hasProgress = true;
    },
    clearProgress,
    exitWith: code => {
      process.exitCode = code;
    },
    ask: async (question, signal) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await lines.question(question, { signal });
      } finally {
        lines.close();
      }
    },
    askSecret: async (question, signal) => {
      process.stderr.write(question);
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
      // While keys are read one by one, Ctrl-C is a key.
      lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      try {
        return await lines.question('', { signal });
      } finally {
        lines.close();
        process.stderr.write('\n');
      }
    },
  };
}

/**
 * Prints a result for people, or as JSON; programs' own output passes through unchanged and so does their exit code. Elsewhere what
 * would steer the terminal is written out: titles, names and messages come from agents and other callers.
 */
export function showResult(
  operation: Operation,
  result: OperationResult,
  to: { terminal: Terminal; asJson: boolean; args?: Record<string, unknown> },
): void {
  const { terminal, asJson, args = {} } = to;
  const { output, text } = result;
  const { prints } = operation.cli;
  if (prints !== undefined && !asJson) terminal.out(`${visible(prints(output, args))}\n`);
  else if (asJson) terminal.out(`${JSON.stringify(output)}\n`);
  else if (operation.cli.exitsWithProgram && output.exit_code !== null && output.exit_code !== undefined)
    showRun(output, terminal);
  else if (operation.name === 'fs_read') terminal.out(text[0] ?? '');
  else terminal.out(`${visible(readable(output, text))}\n`);
  if (operation.cli.exitsWithProgram && typeof output.exit_code === 'number') terminal.exitWith(output.exit_code);
}

function showRun(output: Record<string, unknown>, terminal: Terminal): void {
  if (typeof output.stdout === 'string') terminal.out(output.stdout);
  if (typeof output.result === 'string') terminal.out(`${output.result}\n`);
  if (typeof output.stderr === 'string') terminal.err(output.stderr);
  if (typeof output.limit_hit === 'string')
    terminal.err(`note: the run was stopped by its limit: ${output.limit_hit}\n`);
  if (output.workspace_id && terminal.isInteractive) terminal.err(`workspace: ${output.workspace_id}\n`);
}

/** The operation's own text, or where that is JSON the same with line breaks. */
function readable(output: Record<string, unknown>, text: readonly string[]): string {
  const whole = text.join('\n');
  return /^[{[]/.test(whole) ? JSON.stringify(output, null, 2) : whole;
}

/** `error: … [CODE]`, what explains it, and `hint: …` on stderr; with `asJson` the error's own shape. The exit code is the table's. */
export function showError(error: AppError, to: { terminal: Terminal; asJson: boolean }): void {
  const { terminal, asJson } = to;
  terminal.clearProgress();
  const { explanation } = error.details;
  const more = typeof explanation === 'string' ? `${explanation}\n` : '';
  if (asJson) terminal.err(`${JSON.stringify(error.toShape())}\n`);
  else terminal.err(visible(`error: ${error.message} [${error.code}]\n${more}hint: ${error.hint}\n`));
  terminal.exitWith(errorCodes[error.code].exit);
}
