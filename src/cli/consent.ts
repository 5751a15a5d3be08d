import { AppError } from '../errors/app-error.ts';
import type { Terminal } from './output.ts';

/** Whether somebody agrees, or has done so with `--yes`. Throws AppError where nobody can be asked. */
export async function consent(
  typed: { readonly yes?: unknown },
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
): Promise<boolean> {
  if (typed.yes === true) return true;
  if (!terminal.isInteractive)
    throw new AppError('VALIDATION_ERROR', 'nobody can be asked here, so nothing was changed', {
      hint: 'add --yes to agree',
    });
  return /^y(es)?$/i.test((await terminal.ask('Change it? [y/N] ', signal)).trim());
}
