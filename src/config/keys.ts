import { z } from 'zod';
import { configSchema } from './config.ts';

/** One leaf of the configuration, as the environment, the file and the docs name it. */
export interface ConfigKey {
  /** Such as `http.port`. */
  readonly path: string;
  /** Such as `BOXSWAIN_HTTP_PORT`. */
  readonly variable: string;
  readonly type: 'string' | 'number' | 'boolean' | 'list' | 'map';
  readonly description: string;
  readonly defaultValue: unknown;
}

const nodeSchema: z.ZodType<SchemaNode> = z.lazy(() =>
  z.looseObject({
    type: z.string().optional(),
    description: z.string().optional(),
    default: z.unknown().optional(),
    properties: z.record(z.string(), nodeSchema).optional(),
  }),
);

interface SchemaNode {
  type?: string | undefined;
  description?: string | undefined;
  default?: unknown;
  properties?: Record<string, SchemaNode> | undefined;
}

/** Every key, in the order of the schema. */
export const configKeys: readonly ConfigKey[] = leavesOf(
  nodeSchema.parse(z.toJSONSchema(configSchema, { io: 'input' })),
  [],
);

function leavesOf(node: SchemaNode, path: string[]): ConfigKey[] {
  if (node.properties)
    return Object.entries(node.properties).flatMap(([name, child]) => leavesOf(child, [...path, name]));
  return [
    {
      path: path.join('.'),
      variable: `BOXSWAIN_${path.join('_').toUpperCase()}`,
      type: typeOf(node),
      description: node.description ?? '',
      defaultValue: node.default,
    },
  ];
}

function typeOf(node: SchemaNode): ConfigKey['type'] {
  if (node.type === 'array') return 'list';
  if (node.type === 'object') return 'map';
  if (node.type === 'boolean') return 'boolean';
  return node.type === 'number' || node.type === 'integer' ? 'number' : 'string';
}
