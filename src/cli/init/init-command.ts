import { homedir } from 'node:os';
import type { Command } from 'commander';
import type { Operation } from '../../operations/operation.ts';
import type { Terminal } from '../output.ts';
import type { Flags } from '../program.ts';
import { collect } from '../worker-token.ts';
import type { Machine } from './client.ts';
import type { Launcher } from './connection.ts';
import { runInit } from './run.ts';

export interface InitOptions {
  readonly terminal: Terminal;
  readonly operations: readonly Operation[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  flagsOf(command: Command): Flags;
  /** Left out: this machine, and the process that runs. */
  readonly machine?: Machine;
  readonly launcher?: Launcher;
}

/** `boxswain init`: puts Boxswain into the configuration of the clients on this machine, and takes it out again. */
export function addInit(program: Command, options: InitOptions): void {
  const { env, terminal, operations, signal } = options;
  program
    .command('init')
    .description('connect the MCP clients of this machine: show the change, ask, keep a copy, write')
    .option('--client <name>', 'only this client; may be repeated (default: all that are found)', collect)
    .option('--url <url>', 'address of a server; default: the client starts boxswain mcp itself')
    .option('--token-env <name>', 'with --url: the variable that holds a bearer token; the token is never written')
    .option('--toolsets <names>', 'toolsets that the client gets, by comma; core is the everyday selection')
    .option('--migrate', 'also put it in the place of entries for codegenapi and codez, wherever they stand')
    .option('--remove', 'undo: files that were not changed since become what they were, byte for byte')
    .option('--print', 'only print what would stand in each file')
    .option('--dry-run', 'show the change and make none')
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .addHelpText(
      'after',
      [
        '\nClients: claude-code, claude-desktop, cursor, vs-code, copilot-cli, codex, gemini-cli, opencode, zed.',
        '\nExamples:',
        '  boxswain init',
        '  boxswain init --client cursor --client codex --toolsets core --yes',
        '  boxswain init --url https://boxswain.example.org/mcp --token-env BOXSWAIN_TOKEN',
        '  boxswain init --remove',
      ].join('\n'),
    )
    .action(async (typed: Record<string, unknown>, command: Command) => {
      const machine = options.machine ?? { platform: process.platform, home: env.HOME || homedir(), env };
      const launcher = options.launcher ?? {
        ...{ platform: process.platform, program: process.execPath, script: process.argv[1] ?? 'boxswain' },
      };
      const known = [...new Set(operations.map(({ toolset }) => toolset)), 'core'];
      await runInit(typed, { terminal, signal, machine, launcher, known, flags: options.flagsOf(command) });
    });
}
