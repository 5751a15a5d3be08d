import type { Command } from 'commander';
import { type ConfigKeeper, isSecretKey, maskSecret, shortKeys, valueInForce } from '../config/config-keeper.ts';
import { configKeys } from '../config/keys.ts';
import { inForceWhen } from '../config/reload.ts';
import { AppError } from '../errors/app-error.ts';
import type { Terminal } from './output.ts';
import type { Flags } from './program.ts';

interface ConfigCommands {
  readonly terminal: Terminal;
  flagsOf(command: Command): Flags;
  settings(flags: Flags): ConfigKeeper;
  readStdin(): Promise<string>;
}

/** `config get|set|list|unset|path`: the file of the configuration, and what is in force. Secrets are never shown whole. */
export function addConfig(parent: Command, parts: ConfigCommands): void {
  const { terminal, flagsOf, settings, readStdin } = parts;
  const group = parent.command('config').enablePositionalOptions().description('read and change the configuration');
  const print = (command: Command, output: Record<string, unknown>, text: string) =>
    terminal.out(`${command.opts().json === true ? JSON.stringify(output) : text}\n`);
  group
    .command('get')
    .argument('<key>', 'such as api_token, org_id or http.port')
    .description('print the value in force')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain config get api_token\n  boxswain config get http.port')
    .action(async (key: string, _typed: unknown, command: Command) => {
      const value = shown(key, await valueInForce(settings(flagsOf(command)), key));
      if (value === undefined) throw notFound(key);
      print(command, { status: 'success', key, value }, `${key}: ${value}`);
    });
  group
    .command('set')
    .argument('<key>', 'such as api_token, org_id or http.port')
    .argument('<value>', 'the value; - reads it from standard input')
    .description('store a value in the configuration file')
    .option('--json', 'print the outcome as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  boxswain config set org_id 323\n  boxswain config set api_token - < token.txt',
    )
    .action(async (key: string, value: string, _typed: unknown, command: Command) => {
      const text = value === '-' ? (await readStdin()).trim() : value;
      const message = await stored(settings(flagsOf(command)), key, text);
      print(command, { status: 'success', message }, message);
    });
  group
    .command('unset')
    .argument('<key>')
    .description('take a value out of the configuration file')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain config unset org_id')
    .action(async (key: string, _typed: unknown, command: Command) => {
      if (!(await settings(flagsOf(command)).unset(key))) throw notFound(key);
      const message = `Configuration value '${key}' removed`;
      print(command, { status: 'success', message }, message);
    });
  group
    .command('list')
    .alias('show')
    .description('print every value in force')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain config list')
    .action(async (_typed: unknown, command: Command) => {
      const keeper = settings(flagsOf(command));
      const values: [string, string][] = [];
      for (const { path } of configKeys) {
        const value = shown(path, await keeper.get(path));
        if (value !== undefined) values.push([path, value]);
      }
      const text = values.map(([key, value]) => `${key}: ${value}`).join('\n');
      print(command, { status: 'success', values: Object.fromEntries(values) }, text);
    });
  group
    .command('path')
    .description('print where the configuration file lies')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain config path')
    .action((_typed: unknown, command: Command) => {
      const { path } = settings(flagsOf(command));
      print(command, { status: 'success', path }, path);
    });
}

async function stored(keeper: ConfigKeeper, key: string, text: string): Promise<string> {
  if (text === '')
    throw new AppError('VALIDATION_ERROR', 'the value is empty', { hint: `boxswain config unset ${key}` });
  if (/(^|\.)org_id$/.test(key) && !/^\d+$/.test(text)) throw new AppError('VALIDATION_ERROR', 'org_id must be digits');
  const { overriddenBy } = await keeper.set(key, text);
  const more = overriddenBy === undefined ? laterOn(key) : `. ${overriddenBy} wins over it while it is set.`;
  return `Configuration value '${key}' set successfully${more}`;
}

/** What is not in force at once; keys of the earlier command line are told of as it did. */
function laterOn(key: string): string {
  if (Object.hasOwn(shortKeys, key)) return '';
  const when = inForceWhen(key);
  if (when !== undefined) return `. A server that runs takes it over ${when}.`;
  const isAccess = ['url', 'session_token', 'token_file'].some(name => key === `coder.${name}`);
  return isAccess ? '. A server that does not offer the tools of the fleet yet does so when it is restarted.' : '';
}

function shown(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return isSecretKey(key) ? maskSecret(text) : text;
}

const notFound = (key: string): AppError =>
  new AppError('CONFIG_NOT_FOUND', `Configuration value '${key}' not found`, {
    details: { explanation: `Set it with: boxswain config set ${key} VALUE` },
  });
