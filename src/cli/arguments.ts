import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Operation } from '../operations/operation.ts';

/** One argument of an operation, as a flag or a positional word. */
export interface ArgumentShape {
  /** As in the operation: `create_dirs`. */
  readonly name: string;
  /** As on the command line: `create-dirs`. */
  readonly flag: string;
  /** `words`: one word is a text, several are a list. */
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'words' | 'map' | 'json';
  readonly description: string;
  readonly required: boolean;
  readonly choices?: readonly string[];
  readonly defaultValue?: unknown;
}

const propertySchema = z.looseObject({
  type: z.string().optional(),
  /** How it is typed, where its type does not say. */
  cli: z.literal('json').optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  items: z.looseObject({ type: z.string().optional() }).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  anyOf: z.array(z.looseObject({ type: z.string().optional() })).optional(),
});
type Property = z.output<typeof propertySchema>;

const objectSchema = z.looseObject({
  properties: z.record(z.string(), propertySchema).default({}),
  required: z.array(z.string()).default([]),
});

/** The arguments of an operation, in the order of its schema. `workspace_id` is the flag `--workspace`. */
export function argumentsOf(operation: Operation): ArgumentShape[] {
  const { properties, required } = objectSchema.parse(
    z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' }),
  );
  return Object.entries(properties).map(([name, property]) => ({
    name,
    flag: operation.cli.flags?.[name] ?? (name === 'workspace_id' ? 'workspace' : name.replaceAll('_', '-')),
    kind: kindOf(property),
    description: property.description ?? '',
    required: required.includes(name),
    choices: property.enum,
    defaultValue: property.default,
  }));
}

function kindOf(property: Property): ArgumentShape['kind'] {
  if (property.cli !== undefined) return property.cli;
  switch (property.type) {
    case 'boolean':
      return 'boolean';
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return property.items?.type === 'object' ? 'json' : 'list';
    case 'object':
      return property.properties ? 'json' : 'map';
    case 'string':
      return 'text';
    default:
      return property.anyOf?.some(branch => branch.type === 'array') ? 'words' : 'json';
  }
}

/** Reads what was typed for one argument. Bounds are checked by the operation itself. */
export function parseArgument(shape: ArgumentShape, typed: unknown): unknown {
  if (shape.kind === 'boolean') return typed === true;
  if (shape.kind === 'number') return parseNumber(shape, String(typed));
  if (shape.kind === 'map') return parseMap(shape, asList(typed));
  if (shape.kind === 'list') return asList(typed);
  if (shape.kind === 'words') return oneOrMany(asList(typed));
  if (shape.kind === 'json') return parseJson(String(typed));
  return String(typed);
}

const asList = (typed: unknown): string[] => (Array.isArray(typed) ? typed.map(String) : [String(typed)]);

const oneOrMany = (words: string[]): string | string[] => (words.length === 1 ? (words[0] ?? '') : words);

function parseNumber(shape: ArgumentShape, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new AppError('VALIDATION_ERROR', `--${shape.flag} takes a number, got "${text}"`);
  return value;
}

/** Pairs, whose values are texts; or one JSON object, whose values are anything. */
function parseMap(shape: ArgumentShape, words: readonly string[]): unknown {
  const [only = '', ...more] = words;
  const whole = more.length === 0 && only.startsWith('{') ? parseJson(only) : only;
  return typeof whole === 'object' ? whole : Object.fromEntries(words.map(pair => splitPair(shape, pair)));
}

function splitPair(shape: ArgumentShape, pair: string): [string, string] {
  const at = pair.indexOf('=');
  if (at < 1)
    throw new AppError('VALIDATION_ERROR', `--${shape.flag} takes name=value or a JSON object, got "${pair}"`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** JSON where it is JSON, else the text itself, so that `--network off` and `--network '{"allow":["a.example"]}'` both work. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
