import { z } from 'zod';
import { argumentsOf } from '../../src/cli/arguments.ts';
import { earlierNames, ignoredNames } from '../../src/config/environment.ts';
import { configKeys } from '../../src/config/keys.ts';
import { errorCodes } from '../../src/errors/codes.ts';
import { toListedTool } from '../../src/operations/listed-tool.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { allOperations, operatorOperations } from '../../src/operations/registry.ts';
import { code, GENERATED, page, table } from './markdown.ts';
import { fieldsOf } from './schemas.ts';

/** The generated pages by path, relative to the root. */
export const pages: Readonly<Record<string, () => string>> = {
  'docs/tools.md': toolsPage,
  'docs/cli.md': cliPage,
  'docs/errors.md': errorsPage,
  'docs/configuration.md': configurationPage,
};

function toolsPage(): string {
  const overview = table(
    ['tool', 'other names', 'what it does', 'hints', 'scope', 'core'],
    allOperations.map(operation => [
      `[${code(operation.name)}](#${operation.name})`,
      operation.aliases.map(code).join(', '),
      operation.description,
      hintsOf(operation),
      code(operation.scope),
      operation.core || operation.always ? 'yes' : '',
    ]),
  );
  return page(
    '# Tools',
    GENERATED,
    'The name in the first column is the one that clients see; the other names work in `tools/call` as well. Hints: **R** reads only, **D** may destroy, **I** may be repeated, **O** reaches beyond the machine. The scope `any:read` is the read scope of the toolset that made the task. `core` tools are those of `--toolsets core`.',
    overview,
    ...allOperations.map(toolSection),
  );
}

function toolSection(operation: Operation): string {
  const tool = toListedTool(operation);
  const inputs = fieldsOf(z.toJSONSchema(operation.input, { io: 'input' })).map(field => [
    code(field.name) + (field.isRequired ? ' (required)' : ''),
    code(field.type),
    field.defaultText === '' ? '' : code(field.defaultText),
    notesOf(operation, field),
  ]);
  const outputs = fieldsOf(tool.outputSchema).map(field => `${code(field.name)}: ${code(field.type)}`);
  const list = inputs.length === 0 ? [] : [table(['argument', 'type', 'default', 'notes'], inputs)];
  return [`## ${operation.name}`, operation.description, ...list, `Output: ${outputs.join(', ')}.`].join('\n\n');
}

function notesOf(operation: Operation, field: { name: string; description: string }): string {
  const aliases = Object.entries(operation.argumentAliases).filter(([, name]) => name === field.name);
  const also = aliases.map(([alias]) => `also ${code(alias)}`);
  return [field.description, ...also].filter(note => note !== '').join('; ');
}

function hintsOf({ hints }: Operation): string {
  const letters = { R: hints.readOnly, D: hints.destructive, I: hints.idempotent, O: hints.openWorld };
  return Object.entries(letters)
    .flatMap(([letter, holds]) => (holds ? [letter] : []))
    .join('');
}

function cliPage(): string {
  return page(
    '# Commands',
    GENERATED,
    'Every operation is a command. Flags are named as the arguments; `--workspace` (or the variable `BOXSWAIN_WORKSPACE`) names the workspace. With `--json` a command prints the whole output. A failed command prints `error: <message> [CODE]` and a hint to stderr; its exit code is in [errors](errors.md). Commands marked with ⏎ exit with the code of the program they ran.',
    ...[...allOperations, ...operatorOperations].map(commandSection),
  );
}

function commandSection(operation: Operation): string {
  const { cli, title } = operation;
  const flags = argumentsOf(operation).map(argument => [
    argument.name === cli.positional
      ? `${code(argument.name)}${cli.variadic ? '…' : ''}, ${code(`--${argument.flag}`)}`
      : code(`--${argument.flag}`),
    argument.kind,
    argument.defaultValue === undefined ? '' : code(JSON.stringify(argument.defaultValue)),
    argument.description,
  ]);
  const list = flags.length === 0 ? [] : [table(['flag', 'takes', 'default', 'notes'], flags)];
  const examples = ['```sh', ...cli.examples, '```'].join('\n');
  const command = `## boxswain ${cli.words.join(' ')}${cli.exitsWithProgram ? ' ⏎' : ''}`;
  return [command, `${title}: ${operation.description}`, examples, ...list].join('\n\n');
}

function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([name, row]) => [
    code(name),
    String(row.http),
    String(row.exit),
    row.retryable ? 'yes' : '',
    row.when,
    row.hint,
  ]);
  return page(
    '# Errors',
    GENERATED,
    'An error has a code, a message, a hint, `retryable` and details. MCP shows `<CODE>: <message>` and the hint as text of a result with `isError`, the whole error in `_meta["boxswain/error"]`; HTTP answers with the status and the body `{error, code, hint, retryable, details}`; a command exits with the exit code.',
    table(['code', 'HTTP', 'exit', 'retry', 'when', 'what to do'], rows),
  );
}

function configurationPage(): string {
  const rows = configKeys.map(key => [
    code(key.path),
    code(key.variable),
    key.type,
    key.defaultValue === undefined ? '' : code(JSON.stringify(key.defaultValue)),
    key.description,
  ]);
  const paths = [...new Set(Object.values(earlierNames))];
  const earlier = paths.map(path => {
    const names = Object.keys(earlierNames).filter(name => earlierNames[name] === path);
    return [names.map(code).join(', '), code(path)];
  });
  return page(
    '# Configuration',
    GENERATED,
    'A flag wins over an environment variable, a variable over the configuration file, the file over the default. Lists are written with commas in variables, maps as `name=value,name=value`, durations in seconds or as `30m`.',
    table(['key', 'variable', 'type', 'default', 'what it is'], rows),
    '## Other names',
    `These variables of earlier systems, and that of OpenTelemetry, work too; the names above win. ${ignoredNames.map(code).join(' and ')} are accepted and ignored with a warning.`,
    table(['variables', 'key'], earlier),
    '`BOXSWAIN_CONFIG_DIR`, `CODEZ_CONFIG_DIR` and `CODEZERO_CONFIG_DIR` name the folder of the file `config.json`. Agents see `CLAUDE_BIN`, which names the `claude` that is started, and `CLAUDE_CONFIG_DIR`.',
  );
}
