import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';

type Issue = z.core.$ZodIssue;
type Arguments = Readonly<Record<string, unknown>>;

/** What a message about arguments needs to know of the operation. */
export interface ArgumentsOf {
  readonly name: string;
  readonly input: z.ZodObject;
  readonly aliases: Readonly<Record<string, string>>;
}

/**
 * VALIDATION_ERROR about the first thing that is wrong; the hint tells the rest and the valid arguments. Values are never
 * repeated, except numbers: an argument may hold a secret.
 */
export function badArguments(operation: ArgumentsOf, args: Arguments, error: z.core.$ZodError): AppError {
  const messages = error.issues.map(issue => describeIssue(issue, { args, operation }));
  const [first = 'the arguments are not valid', ...rest] = messages;
  const hint = [...rest, `valid arguments of ${operation.name}: ${validArguments(operation)}`].join('; ');
  const field = fieldOf(error.issues[0]);
  return new AppError('VALIDATION_ERROR', first, {
    hint,
    details: { issues: messages, ...(field !== undefined && { field }) },
  });
}

/** The argument that an issue is about. */
function fieldOf(issue: Issue | undefined): string | undefined {
  const name = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path[0];
  return typeof name === 'string' ? name : undefined;
}

/** Arguments under their own names. Throws where an argument is given under two names with different values. */
export function withoutAliases(args: Arguments, aliases: readonly (readonly [string, string])[]): Arguments {
  let renamed: Record<string, unknown> | undefined;
  for (const [alias, name] of aliases) {
    if (args[alias] === undefined) continue;
    renamed ??= { ...args };
    if (renamed[name] !== undefined && JSON.stringify(renamed[name]) !== JSON.stringify(args[alias])) {
      throw new AppError('VALIDATION_ERROR', `arguments "${name}" and "${alias}" are both given and differ`, {
        hint: `"${alias}" is another name of "${name}": pass only "${name}"`,
      });
    }
    renamed[name] = args[alias];
    delete renamed[alias];
  }
  return renamed ?? args;
}

/** For cross-checks in operations: the argument by name, and what is wrong with it. */
export function badArgument(name: string, problem: string, hint?: string): AppError {
  return new AppError('VALIDATION_ERROR', `argument "${name}" ${problem}`, { hint });
}

function validArguments({ input }: ArgumentsOf): string {
  const names = Object.entries(input.shape).map(([name, schema]) =>
    schema instanceof z.ZodType && !schema.safeParse(undefined).success ? `${name} (required)` : name,
  );
  return names.length === 0 ? 'none' : names.join(', ');
}

function describeIssue(issue: Issue, call: { args: Arguments; operation: ArgumentsOf }): string {
  const path = pathText(issue.path);
  const value = valueAt(call.args, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map(key => `"${path === '' ? key : `${path}.${key}`}"`).join(', ');
    const plural = issue.keys.length > 1 ? 's' : '';
    const known = path === '' ? `; valid arguments: ${Object.keys(call.operation.input.shape).join(', ')}` : '';
    return `unknown argument${plural} ${keys}${known}`;
  }
  if (path !== '' && value === undefined && issue.code !== 'custom') return `required argument "${path}" not found`;
  if (path === '') return issue.message;
  return `argument "${path}" ${problemOf(issue, value)}`;
}

function problemOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'too_small':
      return `must be ${bound(issue.origin, { word: 'at least', limit: issue.minimum })}${got(value)}`;
    case 'too_big':
      return `must be ${bound(issue.origin, { word: 'at most', limit: issue.maximum })}${got(value)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(option => JSON.stringify(option)).join(', ')}`;
    case 'invalid_format':
      return issue.format === 'regex'
        ? `must match ${issue.pattern ?? 'its pattern'}`
        : `must be a valid ${issue.format}`;
    case 'invalid_type':
      return `must be ${nounOf(issue.expected)}, got ${typeName(value)}`;
    default:
      return issue.message;
  }
}

function bound(origin: string, { word, limit }: { word: string; limit: number | bigint }): string {
  if (origin === 'string') return `${word} ${limit} characters long`;
  if (origin === 'array') return `a list of ${word} ${limit} entries`;
  return `${word} ${limit}`;
}

const got = (value: unknown): string => (typeof value === 'number' ? `, got ${value}` : '');

function nounOf(expected: string): string {
  if (expected === 'int') return 'an integer';
  if (expected === 'array') return 'a list';
  if (expected === 'object' || expected === 'record') return 'an object';
  return `a ${expected}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number' && !Number.isInteger(value)) return String(value);
  return typeof value;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}

function valueAt(args: Arguments, path: readonly PropertyKey[]): unknown {
  let value: unknown = args;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
