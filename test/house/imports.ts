import { posix } from 'node:path';
import type { Node } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isStringLiteral,
} from 'typescript/unstable/ast/is';
import { SyntaxKind } from 'typescript/unstable/ast';
import { lineOf, nodesOf, type Source } from './source-files.ts';

/** One import of a file of the project by another. */
interface Import {
  readonly from: Source;
  /** Path of the imported file, relative to the root. */
  readonly to: string;
  readonly line: number;
  /** It is gone at run time. */
  readonly isType: boolean;
}

const COMMON = ['config', 'errors', 'ids', 'log', 'net', 'telemetry', 'auth/caller.ts'];
const SURFACE = { values: ['operations', 'auth'], types: ['hub', 'store', 'blobs', 'transfer', 'protocol'] };

/**
 * Who may import whom, by folder of `src/`, as in docs/architecture.md. `values` may be used at run time, `types` are known by
 * their types only. A folder may always import itself, and everyone the common ones.
 */
const MAY: Readonly<Record<string, { values: readonly string[]; types?: readonly string[] }>> = {
  mcp: SURFACE,
  http: { ...SURFACE, values: [...SURFACE.values, 'mcp/mcp.ts', 'blobs/wire.ts'] },
  cli: SURFACE,
  // Looks at everything, as what stands in src/ itself wires everything.
  diagnosis: {
    values: [
      'auth',
      'cli',
      'store',
      'blobs',
      'fabric',
      'protocol',
      'worker',
      'providers',
      'parts.ts',
      'joining.ts',
      'tokens.ts',
    ],
  },
  operations: { values: ['hub', 'protocol', 'auth', 'providers'], types: ['store'] },
  hub: { values: ['fabric', 'store', 'blobs', 'protocol', 'providers'], types: ['operations/operation.ts'] },
  worker: { values: ['fabric', 'blobs', 'protocol'] },
  providers: { values: [] },
  protocol: { values: ['fabric', 'blobs'] },
  fabric: { values: [] },
  store: { values: [] },
  blobs: { values: [] },
  transfer: { values: ['store', 'blobs'] },
  // The built-in authorization server keeps its records by the store it is given.
  auth: { values: [], types: ['store'] },
  config: { values: [] },
  errors: { values: [] },
  ids: { values: [] },
  log: { values: [] },
  telemetry: { values: [] },
};

/** A line for each import that crosses a boundary it must not. Tests may use any part of the house. */
export function crossedBoundaries(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts'))
    .flatMap(importsOf)
    .filter(found => !isAllowed(found))
    .map(({ from, to, line, isType }) => `${from.path}:${line} must not import ${isType ? 'types of ' : ''}${to}`);
}

function isAllowed({ from, to, isType }: Import): boolean {
  if (!to.startsWith('src/')) return to === 'package.json';
  const importer = folderOf(from.path);
  // main.ts and what else stands in src/ itself wires everything together.
  if (importer === '') return true;
  const rule = MAY[importer];
  if (rule === undefined) return false;
  const allowed = [importer, ...COMMON, ...rule.values, ...(isType ? (rule.types ?? []) : [])];
  return allowed.some(place => to === `src/${place}` || to.startsWith(`src/${place}/`));
}

const folderOf = (path: string): string => /^src\/([^/]+)\//.exec(path)?.[1] ?? '';

function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(source.tree)) {
    const seen = importIn(node);
    if (seen?.specifier.startsWith('.')) {
      const to = posix.join(posix.dirname(source.path), seen.specifier);
      found.push({ from: source, to, line: lineOf(source, node), isType: seen.isType });
    }
  }
  return found;
}

/** `import … from`, `export … from`, `import()` as a call and as a type. */
function importIn(node: Node): { specifier: string; isType: boolean } | undefined {
  if (isImportDeclaration(node) && isStringLiteral(node.moduleSpecifier)) {
    const isType = node.importClause?.phaseModifier === SyntaxKind.TypeKeyword;
    return { specifier: node.moduleSpecifier.text, isType };
  }
  if (isExportDeclaration(node) && node.moduleSpecifier && isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, isType: node.isTypeOnly };
  }
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    // A module whose name is computed cannot be checked, so it is refused.
    const text = specifier !== undefined && isStringLiteral(specifier) ? specifier.text : './(computed)';
    return { specifier: text, isType: false };
  }
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument) && isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, isType: true };
  }
  return undefined;
}
