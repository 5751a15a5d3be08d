import type { Command } from 'commander';
import type { Operation, Toolset } from '../../operations/operation.ts';
import type { OperationClient } from '../client.ts';
import type { Terminal } from '../output.ts';
import type { Flags } from '../program.ts';
import { TOKEN_VARIABLE } from './claude-settings.ts';
import { install } from './install.ts';
import { remove } from './remove.ts';
import { status } from './status.ts';

/** Where hooks go, as the configuration has it. */
export interface HookAccess {
  /** Undefined where the port is chosen anew at each start. */
  readonly url: string | undefined;
  readonly tokenFile: string;
  readonly holdSeconds: number;
}

export interface HookRoles {
  hookAccess(flags: Flags): Promise<HookAccess>;
  connect(flags: Flags, toolset: Toolset): Promise<OperationClient>;
}

export interface HookCommandOptions {
  readonly terminal: Terminal;
  readonly roles: HookRoles;
  readonly operations: readonly Operation[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  flagsOf(command: Command): Flags;
  /** Where the administrator's settings lie; left out: where this system has them. */
  readonly managedFolder?: string;
}

export type Typed = Record<string, unknown>;

/** One of the commands as it was typed. */
export interface HookCommand extends HookCommandOptions {
  readonly flags: Flags;
}

export interface Told {
  readonly report: object;
  readonly lines: readonly string[];
}

/** `boxswain sessions hooks install|remove|status`: lets Claude Code in this user's terminals ask here, by its own settings. */
export function addHookCommands(hooks: Command, options: HookCommandOptions): void {
  const { terminal } = options;
  const print = (typed: Typed, report: object, lines: readonly string[]) =>
    terminal.out(`${typed.json === true ? JSON.stringify(report) : lines.join('\n')}\n`);
  hooks
    .command('install')
    .description('let requests for leave of Claude Code in your terminals be answered from elsewhere too')
    .option('--url <url>', 'address of the server as this machine reaches it; default: that of the configuration')
    .option('--no-env', `do not write the token into the settings: you give ${TOKEN_VARIABLE} to Claude Code yourself`)
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .addHelpText(
      'after',
      [
        '\nIt shows the change to your settings.json first, asks, and keeps a copy of what was there. The hooks show a token, which lies',
        'in a file of mode 0600 and, so that every Claude Code finds it, in "env" of the settings, which get mode 0600 as well.',
        'With the server down your terminals work as before. Sessions that are open take the hooks up by themselves or when opened again.',
        '\nExamples:',
        '  boxswain sessions hooks install',
        '  boxswain sessions hooks install --yes --json',
        '  boxswain sessions hooks install --no-env --url https://hub.example.org/api/hooks/claude',
      ].join('\n'),
    )
    .action(async (typed: Typed, command: Command) => {
      const { report, lines } = await install(typed, { ...options, flags: options.flagsOf(command) });
      print(typed, report, lines);
    });
  hooks
    .command('remove')
    .description('take the hooks out of the settings of Claude Code again, and make their token void')
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .addHelpText(
      'after',
      [
        '\nSettings that were not changed since become what they were, byte for byte; of others only the hooks are cut out.',
        '\nExamples:\n  boxswain sessions hooks remove\n  boxswain sessions hooks remove --yes --json',
      ].join('\n'),
    )
    .action(async (typed: Typed, command: Command) => {
      const { report, lines } = await remove(typed, { ...options, flags: options.flagsOf(command) });
      print(typed, report, lines);
    });
  hooks
    .command('status')
    .description('whether the hooks are in the settings of Claude Code, and whether the server takes them')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain sessions hooks status\n  boxswain sessions hooks status --json')
    .action(async (typed: Typed, command: Command) => {
      const { report, lines } = await status({ ...options, flags: options.flagsOf(command) });
      print(typed, report, lines);
    });
}
