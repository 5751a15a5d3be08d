import type { ListToolsResult, Tool } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Operation } from '../operations/operation.ts';
import { EVERYTHING, narrow, type Selection } from './selection.ts';

/** What one selection lists and finds. Made once per selection: converting schemas in each request is most of its cost. */
export interface Catalogue {
  readonly listed: ListToolsResult;
  /** By name or alias. */
  find(name: string): Operation | undefined;
}

export interface Catalogues {
  /** Every toolset that the server has, and the preset `core`. */
  readonly toolsets: ReadonlySet<string>;
  of(selection: Selection): Catalogue;
}

export function createCatalogues(operations: readonly Operation[]): Catalogues {
  const made = new Map<string, Catalogue>();
  const tools = new Map<Operation, Tool>();
  const toolOf = (operation: Operation): Tool => {
    const tool = tools.get(operation) ?? toListedTool(operation);
    tools.set(operation, tool);
    return tool;
  };
  const make = (selection: Selection): Catalogue => {
    const chosen = narrow(operations, selection);
    const named = new Map(chosen.flatMap(one => [one.name, ...one.aliases].map(name => [name, one] as const)));
    return { listed: { tools: chosen.map(toolOf) }, find: name => named.get(name) };
  };
  const everything = make(EVERYTHING);
  return {
    toolsets: new Set(['core', ...operations.map(operation => operation.toolset)]),
    of(selection) {
      if (selection === EVERYTHING) return everything;
      const key = JSON.stringify([selection.toolsets, selection.readOnly]);
      const catalogue = made.get(key) ?? make(selection);
      made.set(key, catalogue);
      return catalogue;
    },
  };
}

/** An operation as `tools/list` shows it. */
export function toListedTool(operation: Operation): Tool {
  const { name, title, description, hints } = operation;
  return {
    name,
    title,
    description,
    inputSchema: objectSchema.parse(compact(z.toJSONSchema(operation.input, { io: 'input' }))),
    outputSchema: objectSchema.parse(compact(z.toJSONSchema(operation.output, { io: 'output' }))),
    annotations: {
      title,
      readOnlyHint: hints.readOnly,
      destructiveHint: hints.destructive,
      idempotentHint: hints.idempotent,
      openWorldHint: hints.openWorld,
    },
  };
}

const objectSchema = z.looseObject({ type: z.literal('object') });

/** Without what says nothing: lists are paid for in tokens by every client. */
function compact(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(compact);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !saysNothing(key, value))
      .map(([key, value]) => [key, key === 'default' || key === 'enum' || key === 'const' ? value : compact(value)]),
  );
}

function saysNothing(key: string, value: unknown): boolean {
  if (key === '$schema') return typeof value === 'string';
  if (key === 'minimum' || key === 'maximum') return Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
  if (key === 'additionalProperties') return isEmptyObject(value);
  return key === 'propertyNames' && JSON.stringify(value) === '{"type":"string"}';
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;
