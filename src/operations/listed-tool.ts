import { z } from 'zod';
import type { Operation } from './operation.ts';

type JsonSchema = Record<string, unknown>;

/** A tool as `tools/list` shows it. */
export interface ListedTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema & { type: 'object' };
  readonly outputSchema: JsonSchema & { type: 'object' };
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
}

const listed = new WeakMap<Operation, ListedTool>();

/** Computed once for each operation. Without what says nothing: a model pays for every character. */
export function toListedTool(operation: Operation): ListedTool {
  const known = listed.get(operation);
  if (known !== undefined) return known;
  const { name, title, description, hints } = operation;
  const tool: ListedTool = {
    name,
    title,
    description,
    inputSchema: schemaOf(operation.input, 'input'),
    outputSchema: { ...schemaOf(operation.output, 'output'), ...requiredOf(operation) },
    annotations: {
      readOnlyHint: hints.readOnly,
      destructiveHint: hints.destructive,
      idempotentHint: hints.idempotent,
      openWorldHint: hints.openWorld,
    },
  };
  listed.set(operation, tool);
  return tool;
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema & { type: 'object' } {
  const converted = z.toJSONSchema(schema, { io, override: ({ jsonSchema }) => tidy(jsonSchema, io) });
  const { $schema: _, type: __, ...rest } = converted;
  // Some clients want the member even where it is empty.
  return { type: 'object', properties: {}, ...rest };
}

/** Where failures have a form of their own in the structured content, what they have in common with successes is told. */
function requiredOf({ output, failure }: Operation): JsonSchema {
  const { required } = failure === undefined ? {} : z.toJSONSchema(output, { io: 'output' });
  return required === undefined ? {} : { required };
}

/** Longer bounds of texts guard the server; nobody writes up to them. */
const TELLING_LENGTH = 128;

/**
 * Takes away bounds that are no news and permissions that every object has unless it says otherwise. Outputs tell types, and
 * leave out which fields are always there. What is `hidden` is accepted and not shown. `description` is for people at a command line: the model is shown `brief`.
 */
function tidy(schema: z.core.JSONSchema.BaseSchema, io: 'input' | 'output'): void {
  if (io === 'output') delete schema.required;
  delete schema.description;
  if (typeof schema.brief === 'string') schema.description = schema.brief;
  delete schema.brief;
  delete schema.cli;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.minLength === 1) delete schema.minLength;
  if (schema.maxLength !== undefined && schema.maxLength > TELLING_LENGTH) delete schema.maxLength;
  delete schema.propertyNames;
  if (io === 'output' && isAnyObject(schema.items)) delete schema.items;
  const { properties } = schema;
  for (const [name, property] of Object.entries(properties ?? {}))
    if (typeof property === 'object' && property.hidden === true) delete properties?.[name];
  if (properties !== undefined && Object.keys(properties).length === 0) delete schema.properties;
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object' && Object.keys(additionalProperties).length === 0) {
    delete schema.additionalProperties;
  }
}

/** A schema of objects that says nothing of what is in them. */
const isAnyObject = (schema: unknown): boolean => JSON.stringify(schema) === '{"type":"object"}';
