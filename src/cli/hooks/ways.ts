import { AppError } from '../../errors/app-error.ts';
import type { HookCommand, Told, Typed } from './hooks-command.ts';

/** Whether somebody agrees, or has done so with `--yes`. Throws AppError where nobody can be asked. */
export async function consent(typed: Typed, { terminal, signal }: HookCommand): Promise<boolean> {
  if (typed.yes === true) return true;
  if (!terminal.isInteractive)
    throw new AppError('VALIDATION_ERROR', 'nobody can be asked here, so nothing was changed', {
      hint: 'add --yes to agree',
    });
  return /^y(es)?$/i.test((await terminal.ask('Change it? [y/N] ', signal)).trim());
}

export const declined: Told = { report: { changed: false }, lines: ['Nothing was changed.'] };

/** At the hub of this machine. */
export async function callOperation(
  name: string,
  args: Record<string, unknown>,
  { roles, flags, operations, signal }: HookCommand,
): Promise<Record<string, unknown>> {
  const operation = operations.find(one => one.name === name);
  if (operation === undefined) throw new Error(`there is no operation ${name}`);
  const client = await roles.connect(flags, operation.toolset);
  try {
    return (await client.call(operation, args, { signal, report: () => {} })).output;
  } finally {
    await client.close();
  }
}
