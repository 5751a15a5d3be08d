import type { ListToolsResult } from '@modelcontextprotocol/server';
import { toListedTool } from '../operations/listed-tool.ts';
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
  const make = (selection: Selection): Catalogue => {
    const chosen = narrow(operations, selection);
    const named = new Map(chosen.flatMap(one => [one.name, ...one.aliases].map(name => [name, one] as const)));
    return { listed: { tools: chosen.map(toListedTool) }, find: name => named.get(name) };
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
