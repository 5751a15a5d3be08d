import type { ListToolsResult } from '@modelcontextprotocol/server';
import { toListedTool } from '../operations/listed-tool.ts';
import type { Operation } from '../operations/operation.ts';
import type { Caller } from '../auth/caller.ts';
import { missingScope } from '../operations/scopes.ts';
import { EVERYTHING, narrow, type Selection } from './selection.ts';

/** What one selection lists and finds. Made once per selection: converting schemas in each request is most of its cost. */
export interface Catalogue {
  readonly listed: ListToolsResult;
  /** What of it this caller has the scopes for. */
  listedFor(caller: Caller): ListToolsResult;
  /** By name or alias. */
  find(name: string): Operation | undefined;
}

export interface Catalogues {
  /** Every toolset that the server has, and the preset `core`. */
  readonly toolsets: ReadonlySet<string>;
  of(selection: Selection): Catalogue;
}

/** Of one selection. Scopes are few, so that sets of them are; whoever shows more makes them be computed again. */
const MOST_SCOPE_SETS = 100;

const keys = new WeakMap<ReadonlySet<string>, string>();

function scopesKey(scopes: ReadonlySet<string>): string {
  const known = keys.get(scopes);
  if (known !== undefined) return known;
  const key = [...scopes].sort().join(' ');
  keys.set(scopes, key);
  return key;
}

export function createCatalogues(operations: readonly Operation[]): Catalogues {
  const made = new Map<string, Catalogue>();
  const make = (selection: Selection): Catalogue => {
    const chosen = narrow(operations, selection);
    const named = new Map(chosen.flatMap(one => [one.name, ...one.aliases].map(name => [name, one] as const)));
    const tools = chosen.map(operation => ({ operation, tool: toListedTool(operation) }));
    const listed = { tools: tools.map(({ tool }) => tool) };
    const byScopes = new Map<string, ListToolsResult>();
    return {
      listed,
      listedFor(caller) {
        if (caller.scopes.has('admin')) return listed;
        const key = scopesKey(caller.scopes);
        const known = byScopes.get(key);
        if (known !== undefined) return known;
        const mine = {
          tools: tools.filter(one => missingScope(one.operation.scope, caller) === undefined).map(one => one.tool),
        };
        if (byScopes.size >= MOST_SCOPE_SETS) byScopes.clear();
        byScopes.set(key, mine);
        return mine;
      },
      find: name => named.get(name),
    };
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
