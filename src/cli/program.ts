import { Command, CommanderError } from 'commander';
import { AppError } from '../errors/app-error.ts';
import type { ConfigKeeper } from '../config/config-keeper.ts';
import type { Operation, Toolset } from '../operations/operation.ts';
import { commandAt, completionScript, completionsFor, namesIn } from './completion.ts';
import type { OperationClient } from './client.ts';
import { type AttackReport, attackAsText, type Check, checksAsText } from './doctor.ts';
import { operationCommand } from './operation-command.ts';
import { addConfig } from './config-command.ts';
import { addFleetWatch } from './fleet-watch.ts';
import { addHookCommands, type HookRoles } from './hooks/hooks-command.ts';
import { addInit } from './init/init-command.ts';
import { type Terminal, showError } from './output.ts';
import { addAuth } from './sign-in/auth-command.ts';
import type { SignInRoles } from './sign-in/roles.ts';
import { addUsers } from './sign-in/users-command.ts';
import { addServiceCommand } from './service/service-command.ts';
import { addTransfer, type TransferRoles } from './transfer.ts';
import { addWorkerTokens, collect, labelsOf, type TokenRoles } from './worker-token.ts';

/** What the composition root gives to the commands. `flags` are configuration keys by path. */
export interface Roles extends TransferRoles, TokenRoles, HookRoles, SignInRoles {
  /** The configuration and its file. */
  settings(flags: Flags): ConfigKeeper;
  serve(flags: Flags, options: { firstRun: boolean; signal: AbortSignal; say: (text: string) => void }): Promise<void>;
  hub(flags: Flags, options: { signal: AbortSignal; say: (text: string) => void }): Promise<void>;
  worker(flags: Flags, options: { signal: AbortSignal; say: (text: string) => void }): Promise<void>;
  serveStdio(flags: Flags, options: { signal: AbortSignal }): Promise<void>;
  /** For a command of this toolset. */
  connect(flags: Flags, toolset: Toolset): Promise<OperationClient>;
  doctor(flags: Flags): Promise<Check[]>;
  attack(flags: Flags): Promise<AttackReport>;
}

export type Flags = { config?: string; envFile?: string; settings: Record<string, unknown> };

export interface ProgramOptions {
  readonly version: string;
  readonly operations: readonly Operation[];
  readonly roles: Roles;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readStdin(): Promise<string>;
}

/** Runs the command line. Every failure ends as one clear line on stderr and a documented exit code. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<void> {
  const program = buildProgram(options);
  const asJson = argv.includes('--json');
  try {
    await program.parseAsync(withHyphens(argv), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && hasShownHelp(error)) options.terminal.exitWith(error.exitCode === 0 ? 0 : 2);
    else if (error instanceof CommanderError) {
      showError(misuse(error, commandAt(program, argv)), { terminal: options.terminal, asJson });
    } else if (error instanceof AppError) showError(error, { terminal: options.terminal, asJson });
    else if (options.signal.aborted) options.terminal.exitWith(130);
    else throw error;
  }
}

/** Commands of the earlier command line for Codegen, whose flags had underscores. */
const EARLIER = new Set(['codegen', 'new', 'resume', 'list', 'logs', 'config']);

/** `--agent_run_id 7` as `--agent-run-id 7`. */
function withHyphens(argv: readonly string[]): string[] {
  const command = argv.find(word => !word.startsWith('-'));
  if (command === undefined || !EARLIER.has(command)) return [...argv];
  return argv.map(word => (/^--[a-z]+(_[a-z]+)+(=|$)/.test(word) ? hyphened(word) : word));
}

function hyphened(word: string): string {
  const [flag = '', ...value] = word.split('=');
  return [flag.replaceAll('_', '-'), ...value].join('=');
}

/** Help and version were asked for, or a group was named without one of its commands. */
const hasShownHelp = ({ code, exitCode }: CommanderError): boolean => exitCode === 0 || code === 'commander.help';

/** A line that commander could not read, in the form that every failure has. */
function misuse({ message }: CommanderError, command: Command): AppError {
  const [problem = message, ...rest] = message.replace(/^error: /, '').split('\n');
  const hint = [...rest, `valid here: ${namesIn(command).join(', ')}`].join(' ');
  return new AppError('VALIDATION_ERROR', problem, { hint });
}

/** The whole tree of commands; also what completion and the generated reference are read from. */
export function buildProgram(options: ProgramOptions): Command {
  const { terminal, roles } = options;
  const program = new Command('boxswain')
    .description('Run code in isolated sandboxes, and direct coding agents, from any MCP client or from here.')
    .version(options.version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: text => terminal.out(text),
      writeErr: text => terminal.err(text),
      // It is thrown as well, and told by who catches it.
      outputError: () => {},
    })
    .showSuggestionAfterError();
  addServing(program, options);
  addOperations(program, options);
  addHookCommands(groupOf(groupOf(program, 'sessions'), 'hooks'), { ...options, flagsOf });
  addConfig(program, { terminal, flagsOf, settings: roles.settings, readStdin: options.readStdin });
  addConfig(groupOf(program, 'codegen'), { terminal, flagsOf, settings: roles.settings, readStdin: options.readStdin });
  addFleetWatch(groupOf(program, 'fleet'), { ...options, flagsOf });
  addServiceCommand(groupOf(program, 'service'), { terminal, env: options.env, signal: options.signal });
  addInit(program, { ...options, flagsOf });
  addAuth(groupOf(program, 'auth'), { ...options, flagsOf });
  addUsers(groupOf(program, 'users'), { ...options, flagsOf });
  addDoctor(program, options);
  addTransfer(program, { terminal, roles, signal: options.signal, flagsOf });
  program
    .command('completion')
    .argument('<shell>', 'bash, zsh or fish')
    .description('print a completion script for your shell')
    .addHelpText('after', '\nExamples:\n  eval "$(boxswain completion bash)"')
    .action((shell: string) => terminal.out(`${completionScript(shell)}\n`));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[]) => terminal.out(`${completionsFor(program, words).join('\n')}\n`));
  for (const command of everyCommand(program)) {
    const isGroup = command.commands.length > 0 && command.name() !== 'worker';
    if (!isGroup || command === program) commonFlags(command);
  }
  return program;

  function addServing(root: Command, { signal }: ProgramOptions): void {
    const say = (text: string) => terminal.out(`${text}\n`);
    addressFlags(selectionFlags(root.command('serve')))
      .description('serve MCP and HTTP on one port; hub and worker in one process')
      .option('--http', 'listen on HTTP_PORT, or 8080')
      .option('--first-run', 'run one sandboxed program and say how long it took')
      .addHelpText('after', '\nExamples:\n  boxswain serve\n  boxswain serve --port 5000 --toolsets core --read-only')
      .action(async (typed: Record<string, unknown>, command: Command) => {
        await roles.serve(flagsOf(command), { firstRun: typed.firstRun === true, signal, say });
      });
    addressFlags(selectionFlags(root.command('hub')))
      .description('serve MCP and HTTP, and direct the workers that it meets at NATS servers')
      .option('--nats <servers>', 'NATS servers, by comma')
      .option('--token-file <file>', 'what boxswain worker token create --role hub wrote')
      .addHelpText('after', '\nExamples:\n  boxswain hub --nats nats://10.0.0.5:4222 --config /etc/boxswain/hub.json')
      .action(async (_typed: unknown, command: Command) => roles.hub(flagsOf(command), { signal, say }));
    const worker = root
      .command('worker')
      .enablePositionalOptions()
      .description('host sandboxes for hubs; dials out to NATS servers and needs no open port')
      .option('--token-file <file>', 'what boxswain worker token create wrote; all that a worker needs')
      .option('--hub <url>', 'hub that gives contents, where it is not the one of the token')
      .option('--nats <servers>', 'NATS servers, by comma, where they are not those of the token')
      .option('--id <name>', 'name of this worker, where no token gives it one')
      .option('--slots <n>', 'workspaces this worker takes', Number)
      .option('--label <k=v>', 'label for placement; may be repeated', collect)
      .addHelpText(
        'after',
        '\nExamples:\n  boxswain worker --token-file worker-1.token\n  boxswain worker --token-file worker-1.token --slots 8 --label zone=a',
      )
      .action(async (_typed: unknown, command: Command) => roles.worker(flagsOf(command), { signal, say }));
    addWorkerTokens(worker, { terminal, roles, flagsOf });
    selectionFlags(root.command('mcp'))
      .description('serve MCP over stdin and stdout, for clients that start their servers themselves')
      .addHelpText('after', '\nExamples:\n  claude mcp add boxswain -- boxswain mcp')
      .action(async (_typed: unknown, command: Command) => roles.serveStdio(flagsOf(command), { signal }));
  }
}

function addOperations(program: Command, options: ProgramOptions): void {
  for (const operation of options.operations) {
    const { words, alias } = operation.cli;
    if (words.length === 0) continue;
    for (const path of alias ? [words, alias] : [words]) {
      const parent = path.slice(0, -1).reduce<Command>((command, word) => groupOf(command, word), program);
      const command = operationCommand(operation, {
        terminal: options.terminal,
        defaultWorkspace: options.env.BOXSWAIN_WORKSPACE,
        signal: options.signal,
        connect: () => options.roles.connect(flagsOf(command), operation.toolset),
        readStdin: options.readStdin,
      });
      parent.addCommand(command.copyInheritedSettings(parent));
    }
  }
}

const GROUPS: Readonly<Record<string, string>> = {
  auth: 'switch the built-in authorization server on and off',
  users: 'say who may sign in at the built-in authorization server',
  service: 'let the machine start the server',
  hooks: 'let Claude Code in your own terminals ask here for leave',
  fleet: 'agents of all providers: Coder, Codegen and local sessions',
  tokens: 'make, list and revoke API tokens for scripts',
  task: 'look at, wait for and cancel tasks',
  workers: 'look at workers, drain and remove them',
};

function groupOf(parent: Command, word: string): Command {
  const found = parent.commands.find(command => command.name() === word);
  if (found) return found;
  const group = parent.command(word).enablePositionalOptions();
  return group.description(GROUPS[word] ?? `the operations of the ${word} toolset`);
}

function addDoctor(program: Command, { terminal, roles }: ProgramOptions): void {
  program
    .command('doctor')
    .description('look at everything Boxswain needs and say what to do about what is missing')
    .option('--attack', 'try to break out of a sandbox in every known way; exit 1 if one got through')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain doctor\n  boxswain doctor --attack --json')
    .action(async (typed: Record<string, unknown>, command: Command) => {
      if (typed.attack === true) {
        const report = await roles.attack(flagsOf(command));
        terminal.out(`${typed.json === true ? JSON.stringify(report) : attackAsText(report)}\n`);
        terminal.exitWith(report.attempts.every(attempt => attempt.held) ? 0 : 1);
        return;
      }
      const checks = await roles.doctor(flagsOf(command));
      terminal.out(`${typed.json === true ? JSON.stringify({ checks }) : checksAsText(checks)}\n`);
      terminal.exitWith(checks.some(check => check.state === 'fail') ? 1 : 0);
    });
}

function selectionFlags(command: Command): Command {
  return command
    .option('--toolsets <names>', 'toolsets to serve, by comma; core is the everyday selection')
    .option('--read-only', 'serve only operations that change nothing');
}

function addressFlags(command: Command): Command {
  return command
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--port <n>', 'port to listen on (default 4097)', Number);
}

/** Understood before and after every command. */
function commonFlags(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file')
    .option('--env-file <file>', 'file of variables, NAME=value a line; those of the environment win')
    .option('--directory <path>', 'where records, blobs and workspaces lie')
    .option('--log-level <level>', 'debug, info, warn, error or silent')
    .option('--debug', 'the same as --log-level debug');
}

/** What was typed, as configuration keys. */
function flagsOf(command: Command): Flags {
  const typed = command.optsWithGlobals<Record<string, unknown>>();
  const listens = command.name() === 'serve' || command.name() === 'hub';
  return {
    config: typeof typed.config === 'string' ? typed.config : undefined,
    envFile: typeof typed.envFile === 'string' ? typed.envFile : undefined,
    settings: {
      directory: typed.directory,
      toolsets: listOf(typed.toolsets),
      read_only: typed.readOnly,
      'http.host': listens ? typed.host : undefined,
      'http.port': listens ? (typed.port ?? earlierPort(typed)) : undefined,
      'fabric.servers': listOf(typed.nats),
      'fabric.credentials': typed.tokenFile,
      ...(command.name() === 'worker' && workerSettings(typed)),
      'codegen.api_token_file': typed.apiTokenFile,
      'codegen.org_id': typed.orgId,
      'codegen.base_url': typed.baseUrl,
      'log.level': typed.debug === true ? 'debug' : typed.logLevel,
    },
  };
}

const workerSettings = (typed: Record<string, unknown>) => ({
  'worker.hub': typed.hub,
  'worker.id': typed.id,
  'worker.slots': typed.slots,
  'worker.labels': labelsOf(typed.label),
});

const listOf = (typed: unknown): string[] | undefined =>
  typeof typed === 'string' ? typed.split(',').map(item => item.trim()) : undefined;

/** `--http` of the earlier coordinator: `HTTP_PORT`, which the environment gives, or 8080. */
function earlierPort(typed: Record<string, unknown>): number | undefined {
  return typed.http === true && !process.env.HTTP_PORT ? 8080 : undefined;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
