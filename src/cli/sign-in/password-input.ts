import { readFile } from 'node:fs/promises';
import { AppError } from '../../errors/app-error.ts';
import type { Terminal } from '../output.ts';

interface Source {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** `--password-file`; `-` means standard input. */
  readonly file: string | undefined;
  readStdin(): Promise<string>;
}

/**
 * A new password: from a file, from a pipe, or typed twice without being shown. It is no argument, which other users of the machine
 * could read. Throws AppError VALIDATION_ERROR.
 */
export async function newPassword({ terminal, signal, file, readStdin }: Source): Promise<string> {
  if (file !== undefined && file !== '-') {
    return firstLine(
      await readFile(file, 'utf8').catch(cause => {
        throw new AppError('VALIDATION_ERROR', 'the file of --password-file cannot be read', {
          hint: 'check the path and its permissions',
          cause,
        });
      }),
    );
  }
  if (file === '-' || !terminal.isInteractive) return firstLine(await readStdin());
  const password = await terminal.askSecret('Password: ', signal);
  if (password === (await terminal.askSecret('The same again: ', signal))) return password;
  throw new AppError('VALIDATION_ERROR', 'the two passwords are not the same', { hint: 'run the command again' });
}

/** Editors and `echo` put an end of line behind it. */
function firstLine(text: string): string {
  const [line = '', ...rest] = text.split(/\r?\n/);
  if (line !== '' && rest.every(one => one === '')) return line;
  throw new AppError('VALIDATION_ERROR', line === '' ? 'no password was given' : 'the password has several lines', {
    hint: 'give one line, by --password-file FILE or standard input',
  });
}
