import type { Operation } from '../operations/operation.ts';

/** What of the server's own operations one request asks for. */
export interface Selection {
  /** Names of toolsets, or the preset `core`; empty: everything. */
  readonly toolsets: readonly string[];
  readonly readOnly: boolean;
}

export const EVERYTHING: Selection = { toolsets: [], readOnly: false };

const TOOLSET_PATH = /^\/mcp\/x\/([^/]+)$/;

/**
 * The selection of a request: path `/mcp/x/{toolset}`, else header `X-MCP-Toolsets` (names by comma); `X-MCP-Readonly`.
 * A name that the server does not have is given back as `unknown`: a typing mistake must not look like an empty server.
 */
export function selectionOf(request: Request, known: ReadonlySet<string>): Selection | { readonly unknown: string } {
  const named = namesOf(request);
  const readOnly = isTrue(request.headers.get('x-mcp-readonly'));
  if (named.length === 0) return readOnly ? { toolsets: [], readOnly } : EVERYTHING;
  const unknown = named.find(name => name !== 'all' && !known.has(name));
  if (unknown !== undefined) return { unknown };
  return { toolsets: named.includes('all') ? [] : [...new Set(named)].sort(), readOnly };
}

/** The operations of a selection, in the server's order; never one that the server does not have. */
export function narrow(operations: readonly Operation[], { toolsets, readOnly }: Selection): readonly Operation[] {
  return operations.filter(
    operation =>
      (!readOnly || operation.hints.readOnly) &&
      (toolsets.length === 0 ||
        operation.always ||
        [operation.toolset, ...operation.also].some(name => toolsets.includes(name)) ||
        (operation.core && toolsets.includes('core'))),
  );
}

function namesOf(request: Request): string[] {
  const header = request.headers.get('x-mcp-toolsets');
  if (request.url.endsWith('/mcp') && header === null) return [];
  const ofPath = TOOLSET_PATH.exec(new URL(request.url).pathname)?.[1];
  return (ofPath ?? header ?? '')
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(name => name !== '');
}

const isTrue = (value: string | null): boolean => value !== null && /^(true|1|yes|on)$/i.test(value.trim());
