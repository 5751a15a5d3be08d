import { Command, Option } from 'commander';
import { AppError } from '../errors/app-error.ts';
import type { Operation, OperationResult, Progress } from '../operations/operation.ts';
import { type ArgumentShape, argumentsOf, parseArgument } from './arguments.ts';
import { attach } from './attach.ts';
import type { OperationClient } from './client.ts';
import { showEnd } from './await-end.ts';
import { codegenFlags } from './codegen-flags.ts';
import { exportPages } from './export-pages.ts';
import { follow } from './follow.ts';
import { followLogs } from './follow-logs.ts';
import { followRun } from './follow-run.ts';
import { type Terminal, showResult } from './output.ts';

export interface CommandEnvironment {
  readonly terminal: Terminal;
  /** `BOXSWAIN_WORKSPACE`: what `--workspace` is when it is not given. */
  readonly defaultWorkspace: string | undefined;
  /** Aborted by ctrl-C. */
  readonly signal: AbortSignal;
  connect(options: Record<string, unknown>): Promise<OperationClient>;
  readStdin(): Promise<string>;
}

/** The command of one operation: its flags are the operation's arguments. */
export function operationCommand(operation: Operation, environment: CommandEnvironment): Command {
  const verb = operation.cli.words.at(-1) ?? operation.name;
  // What is attached is named by files, not by what the server calls them.
  const shapes = argumentsOf(operation).filter(({ name }) => !(operation.cli.attaches && name === 'attachments'));
  const command = new Command(verb).summary(operation.title).description(operation.description);
  const positional = shapes.find(shape => shape.name === operation.cli.positional);
  if (positional)
    command.argument(
      operation.cli.variadic ? `[${positional.flag}...]` : `[${positional.flag}]`,
      positional.description,
    );
  const second = shapes.find(shape => shape.name === operation.cli.second);
  if (second) command.argument(`[${second.flag}]`, second.description);
  for (const shape of shapes) for (const option of optionsOf(shape)) command.addOption(option);
  if (operation.cli.awaits !== undefined) command.option('--wait', 'come back when it has ended');
  if (operation.toolset === 'codegen') codegenFlags(command);
  if (operation.cli.waitsUntil !== undefined) command.option('--wait', 'come back when it is done');
  if (operation.cli.attaches) command.option('--attach <files...>', 'files to attach');
  if (operation.cli.asksFirst) command.option('--yes', 'do it without asking');
  if (operation.cli.followsRun) command.option('--follow', 'print what comes, until the run has ended');
  if (operation.cli.followsLogs) command.option('--follow', 'print what comes, until interrupted');
  if (operation.cli.follows) command.option('--follow', 'print what comes, until interrupted');
  command.option('--json', 'print the output as JSON');
  if (operation.cli.variadic) command.passThroughOptions();
  // The slug of an absolute path begins with a hyphen, and is no option.
  const takesSlug = operation.cli.positional === 'slug';
  if (takesSlug) command.allowUnknownOption();
  command.addHelpText('after', `\nExamples:\n${operation.cli.examples.map(example => `  ${example}`).join('\n')}`);
  command.action(async (...given: unknown[]) => {
    const unknown = takesSlug ? command.args.find(word => word.startsWith('--')) : undefined;
    if (unknown !== undefined) command.error(`error: unknown option '${unknown}'`, { code: 'commander.unknownOption' });
    const typed = command.optsWithGlobals();
    const args = collectArguments({ operation, shapes, typed, word: positional ? given[0] : undefined, environment });
    if (second && given[1] !== undefined) args[second.name] = parseArgument(second, given[1]);
    if (operation.cli.asksFirst && typed.yes !== true) await confirm(operation, environment);
    await fillFromStdin(operation, args, environment);
    await runCommand(operation, { args, typed, environment });
  });
  return command;
}

function optionsOf(shape: ArgumentShape): Option[] {
  const note = [
    shape.description,
    shape.defaultValue === undefined ? '' : `(default: ${JSON.stringify(shape.defaultValue)})`,
  ];
  const text = note.filter(part => part !== '').join(' ');
  if (isNegative(shape)) {
    return [
      new Option(`--${shape.flag.slice(3)}`, `not ${shape.flag}`).hideHelp(),
      new Option(`--${shape.flag}`, text),
    ];
  }
  if (shape.kind === 'boolean') {
    return [new Option(`--${shape.flag}`, text), new Option(`--no-${shape.flag}`, `not ${shape.flag}`).hideHelp()];
  }
  const value = {
    number: '<n>',
    map: '<name=value...>',
    list: '<items...>',
    words: '<words...>',
    json: '<json>',
    text: '<text>',
  }[shape.kind];
  const option = new Option(`--${shape.flag} ${value}`, text);
  return [shape.choices ? option.choices([...shape.choices]) : option];
}

interface Typed {
  operation: Operation;
  shapes: readonly ArgumentShape[];
  typed: Record<string, unknown>;
  word: unknown;
  environment: CommandEnvironment;
}

function collectArguments({ operation, shapes, typed, word, environment }: Typed): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const shape of shapes) {
    const isPositional = shape.name === operation.cli.positional && word !== undefined && !isEmptyList(word);
    const value = isPositional ? word : typedFor(shape, typed);
    if (value !== undefined) args[shape.name] = parseArgument(shape, value);
  }
  // Workspaces of agents are not ours, and no variable names one that is to be deleted.
  const takesWorkspace = operation.toolset !== 'fleet' && shapes.some(shape => shape.name === 'workspace_id');
  if (takesWorkspace && args.workspace_id === undefined && environment.defaultWorkspace)
    args.workspace_id = environment.defaultWorkspace;
  return args;
}

/** An argument such as `no_deps`: commander takes its flag for the opposite of `--deps`, and files it under that name. */
const isNegative = ({ kind, flag }: ArgumentShape): boolean => kind === 'boolean' && flag.startsWith('no-');

function typedFor(shape: ArgumentShape, typed: Record<string, unknown>): unknown {
  if (!isNegative(shape)) return typed[camelCase(shape.flag)];
  const opposite = typed[camelCase(shape.flag.slice(3))];
  return opposite === undefined ? undefined : opposite === false;
}

const isEmptyList = (word: unknown): boolean => Array.isArray(word) && word.length === 0;
const camelCase = (flag: string): string =>
  flag.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** `-` as content, code or stdin, and `write` without content, read standard input. */
async function fillFromStdin(
  operation: Operation,
  args: Record<string, unknown>,
  environment: CommandEnvironment,
): Promise<void> {
  const name = ['content', 'code', 'stdin'].find(candidate => args[candidate] === '-');
  const isWriteWithoutContent =
    operation.name === 'fs_write' && args.content === undefined && !environment.terminal.isInteractive;
  const target = name ?? (isWriteWithoutContent ? 'content' : undefined);
  if (target) args[target] = await environment.readStdin();
}

interface Running {
  args: Record<string, unknown>;
  typed: Record<string, unknown>;
  environment: CommandEnvironment;
}

async function runCommand(operation: Operation, { args, typed, environment }: Running): Promise<void> {
  const { terminal } = environment;
  const client = await environment.connect(typed);
  try {
    const call = { signal: environment.signal, report: (progress: Progress) => terminal.progress(progress) };
    const asJson = typed.json === true;
    if (Array.isArray(typed.attach)) {
      const files = typed.attach.map(String);
      args.attachments = await attach(client, { sessionId: args.session_id, files, call });
    }
    if (typed.follow === true && operation.cli.followsRun)
      return await followRun(client, operation, { args, call, terminal, asJson });
    if (typed.follow === true && operation.cli.followsLogs)
      return await followLogs(client, operation, { args, call, terminal, asJson });
    const { exports: field } = operation.cli;
    if (field !== undefined) return await exportPages(client, operation, { field, args, call, terminal });
    if (typed.follow === true) return await follow(client, operation, { args, call, terminal, asJson });
    const result = await callUntilDone(operation, { args, typed, environment, client });
    terminal.clearProgress();
    const { awaits } = operation.cli;
    const isFollowed = awaits !== undefined && typed.wait === true;
    if (!isFollowed || !asJson) showResult(operation, result, { terminal, asJson, args });
    if (isFollowed) await showEnd(awaits, { begun: result.output, client, call, terminal, asJson });
  } catch (error) {
    throw error instanceof AppError ? asTold(error, operation) : error;
  } finally {
    await client.close();
  }
}

/** In the words of the operation, where it has its own for failures. */
function asTold(failure: AppError, operation: Operation): AppError {
  const { error } = operation.failure?.(failure) ?? {};
  const { code, message, hint, details } = failure;
  return typeof error === 'string' && error !== message ? new AppError(code, error, { hint, details }) : failure;
}

/** How long one call waits of several that wait for the same: so often it is told how far it is. */
const WAIT_SECONDS = 2;

/** Throws unless whoever sits at the terminal agrees; where nobody does, `--yes` is needed. */
async function confirm({ title }: Operation, { terminal, signal }: CommandEnvironment): Promise<void> {
  const answer = terminal.isInteractive ? await terminal.ask(`${title}? [y/N] `, signal) : '';
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new AppError('VALIDATION_ERROR', 'nothing was done: this asks for confirmation first', {
    hint: 'add --yes',
  });
}

/** One call, or with `--wait` as many as it takes. */
async function callUntilDone(
  operation: Operation,
  { args, typed, environment, client }: Running & { client: OperationClient },
): Promise<OperationResult> {
  const { terminal, signal } = environment;
  const { waitsUntil } = operation.cli;
  const mustWait = waitsUntil !== undefined && typed.wait === true;
  const call = { signal, report: (progress: Progress) => terminal.progress(progress) };
  while (true) {
    const result = await client.call(operation, mustWait ? { ...args, wait_seconds: WAIT_SECONDS } : args, call);
    if (!mustWait || result.output[waitsUntil] === true) return result;
    terminal.progress({ message: result.text.join(' ') });
    signal.throwIfAborted();
  }
}
