import type { HookCommand, Told } from './hooks-command.ts';

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
