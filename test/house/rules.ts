import { basename } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import {
  isAsExpression,
  isExportAssignment,
  isExportDeclaration,
  isIdentifier,
  isNonNullExpression,
  isTypeAssertion,
  isTypeReferenceNode,
} from 'typescript/unstable/ast/is';
import type { Node } from 'typescript/unstable/ast';
import { lineOf, nodesOf, type Source } from './source-files.ts';

const MAX_LINES = 500;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9-]+)*\.ts$/;
const UNFINISHED = /\b(?:TO(?:)DO|FIX(?:)ME|X(?:)XX)\b/;

/** A line for each place where a file breaks a rule of the house. Generated files are nobody's style. */
export function brokenRules(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !path.endsWith('.gen.ts'))
    .flatMap(source => [...ofFile(source), ...ofNodes(source)]);
}

function ofFile({ path, text, tree }: Source): string[] {
  const broken: string[] = [];
  const lines = text.trimEnd().split('\n');
  if (lines.length > MAX_LINES) broken.push(`${path} has ${lines.length} lines, at most ${MAX_LINES} are allowed`);
  if (!KEBAB_CASE.test(basename(path))) broken.push(`${path} is not named in kebab-case`);
  const isBarrel = tree.statements.length > 0 && tree.statements.every(isReExport);
  if (isBarrel || basename(path) === 'index.ts') broken.push(`${path} is a barrel`);
  for (const [at, line] of lines.entries()) {
    if (UNFINISHED.test(line)) broken.push(`${path}:${at + 1} is marked as unfinished`);
  }
  return broken;
}

function ofNodes(source: Source): string[] {
  const broken: string[] = [];
  for (const node of nodesOf(source.tree)) {
    const problem = problemOf(node);
    if (problem !== undefined) broken.push(`${source.path}:${lineOf(source, node)} ${problem}`);
  }
  return broken;
}

function problemOf(node: Node): string | undefined {
  if (isAsExpression(node) && !isConst(node.type)) return 'casts with "as"';
  if (isTypeAssertion(node) && !isConst(node.type)) return 'casts with "<>"';
  if (isNonNullExpression(node)) return 'claims with "!" that a value is there';
  if (node.kind === SyntaxKind.AnyKeyword) return 'uses the type "any"';
  if (isExportAssignment(node)) return 'has a default export';
  if (isReExport(node) && !hasNames(node)) return 're-exports everything of another file';
  return undefined;
}

const isConst = (type: Node): boolean =>
  isTypeReferenceNode(type) && isIdentifier(type.typeName) && type.typeName.text === 'const';

const isReExport = (node: Node): boolean => isExportDeclaration(node) && node.moduleSpecifier !== undefined;
const hasNames = (node: Node): boolean => isExportDeclaration(node) && node.exportClause !== undefined;
