import { runProgram } from '../../src/cli/program.ts';
import { allOperations, operatorOperations } from '../../src/operations/registry.ts';
import { createRoles } from '../../src/roles.ts';
import { RecordingTerminal } from './recording-terminal.ts';
import type { CliRun } from './server.ts';

/** Runs a line of the command line in this process: all that the program does but for starting anew. */
export async function commandLine(
  words: readonly string[],
  {
    env,
    stdin = '',
    signal = new AbortController().signal,
  }: {
    env: Readonly<Record<string, string>>;
    stdin?: string;
    signal?: AbortSignal;
  },
): Promise<CliRun> {
  const terminal = new RecordingTerminal();
  await runProgram(words, {
    version: '0',
    operations: [...allOperations, ...operatorOperations],
    roles: createRoles({ version: '0', env }),
    terminal,
    env,
    signal,
    readStdin: async () => stdin,
  });
  const { exitCode: code = 0, stdout, stderr } = terminal;
  return { code, stdout, stderr };
}
