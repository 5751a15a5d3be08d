import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { AppError } from '../../errors/app-error.ts';
import { checked, type Format, type Path } from './document.ts';

/** JSON with comments and commas at the end, as clients read it. */
export const jsonFormat: Format = checked({
  read: text => {
    const root = parsed(text);
    return root === undefined ? {} : getNodeValue(root);
  },
  set: (text, path, value) => {
    const root = parsed(text);
    if (root === undefined) return text + (text === '' || text.endsWith('\n') ? '' : '\n') + alone(path, value);
    const { node, depth } = reached(root, path);
    const [key, ...rest] = path.slice(depth);
    if (key === undefined) return spliced(text, node.offset, endOf(node), written(text, value, node.offset));
    return inserted(text, node, { key: String(key), value: nested(rest, value) });
  },
  remove: (text, path) => {
    const root = parsed(text);
    if (root === undefined) return text;
    const { node: container, depth } = reached(root, path.slice(0, -1));
    const children = container.children ?? [];
    const last = path.at(-1);
    const at = typeof last === 'number' ? last : children.findLastIndex(child => child.children?.[0]?.value === last);
    return depth < path.length - 1 || at < 0 ? text : cut(text, container, at);
  },
});

const BYTE_ORDER_MARK = '\uFEFF';

function parsed(text: string): Node | undefined {
  const errors: ParseError[] = [];
  const root = parseTree(text.replace(BYTE_ORDER_MARK, ' '), errors, {
    allowTrailingComma: true,
    allowEmptyContent: true,
  });
  const [error] = errors;
  if (error === undefined) return root;
  const line = text.slice(0, error.offset).split('\n').length;
  throw new AppError('VALIDATION_ERROR', `it is not valid JSON: ${printParseErrorCode(error.error)} in line ${line}`, {
    hint: 'correct the file, or move it away; it was not changed',
  });
}

const nested = (path: Path, value: unknown): unknown =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);

const alone = (path: Path, value: unknown): string => `${JSON.stringify(nested(path, value), null, 2)}\n`;

/** How far the path leads, and what is there. Of several members of one name the last counts, as everywhere. */
function reached(root: Node, path: Path): { node: Node; depth: number } {
  let node = root;
  for (const [depth, key] of path.entries()) {
    const children = node.children ?? [];
    const child =
      typeof key === 'number'
        ? children[key]
        : children.findLast(property => property.children?.[0]?.value === key)?.children?.[1];
    if (child === undefined) return { node, depth };
    node = child;
  }
  return { node, depth: path.length };
}

/** After the last member and the comment that stands beside it, set apart as the members there are. */
function inserted(text: string, container: Node, { key, value }: { key: string; value: unknown }): string {
  const { newline, unit } = styleOf(text);
  const members = container.children ?? [];
  const [first, last] = [members[0], members.at(-1)];
  const isSpread = text.slice(container.offset, endOf(container)).includes('\n');
  if (first === undefined || last === undefined) {
    const inner = text.slice(container.offset + 1, endOf(container) - 1);
    const outer = indentAt(text, container.offset);
    const gap = `${newline}${outer}${unit}`;
    const member = memberText(text, { key, value }, gap);
    const rest = inner.slice(inner.trimEnd().length);
    const end = rest.includes('\n') ? rest : `${newline}${outer}`;
    return spliced(text, container.offset + 1, endOf(container) - 1, `${inner.trimEnd()}${gap}${member}${end}`);
  }
  const comma = skipTrivia(text, endOf(last));
  const hasComma = text[comma] === ',';
  const lead = text.slice(container.offset + 1, first.offset);
  const blank = /^ *$/.test(lead) ? lead : ' ';
  const gap = isSpread ? `${newline}${memberIndent(text, members, container)}` : blank;
  const member = memberText(text, { key, value }, gap);
  const from = hasComma ? comma + 1 : endOf(last);
  const at = isSpread ? endOfLineComments(text, from) : from;
  const withMember = spliced(text, at, at, `${gap}${member}${hasComma ? ',' : ''}`);
  return hasComma ? withMember : spliced(withMember, endOf(last), endOf(last), ',');
}

/** Where members begin their lines, the column of the last that does. */
function memberIndent(text: string, members: readonly Node[], container: Node): string {
  const onOwnLine = members.findLast(({ offset }) => /^[ \t]*$/.test(lineBefore(text, offset)));
  return onOwnLine === undefined
    ? `${indentAt(text, container.offset)}${styleOf(text).unit}`
    : lineBefore(text, onOwnLine.offset);
}

function memberText(text: string, { key, value }: { key: string; value: unknown }, gap: string): string {
  if (!gap.includes('\n')) return `${JSON.stringify(key)}:${/":\s/.test(text) ? ' ' : ''}${JSON.stringify(value)}`;
  const { newline, unit } = styleOf(text);
  const lines = JSON.stringify(value, null, unit).replaceAll('\n', `${newline}${gap.slice(gap.lastIndexOf('\n') + 1)}`);
  return `${JSON.stringify(key)}: ${lines}`;
}

function written(text: string, value: unknown, at: number): string {
  if (!text.trim().includes('\n')) return JSON.stringify(value);
  const { newline, unit } = styleOf(text);
  return JSON.stringify(value, null, unit).replaceAll('\n', `${newline}${indentAt(text, at)}`);
}

/** Takes a member or item out with the comma that is one too many without it, and with its line where it had that alone. */
function cut(text: string, container: Node, at: number): string {
  const siblings = container.children ?? [];
  const [before, node] = [siblings[at - 1], siblings[at]];
  if (node === undefined) return text;
  const inner = text.slice(container.offset + 1, node.offset) + text.slice(endOf(node), endOf(container) - 1);
  if (siblings.length === 1 && /^\s*,?\s*$/.test(inner))
    return spliced(text, container.offset + 1, endOf(container) - 1, '');
  const comma = skipTrivia(text, endOf(node));
  const hasComma = text[comma] === ',';
  let [start, end] = [node.offset, hasComma ? comma + 1 : endOf(node)];
  const head = lineBefore(text, start);
  const tail = /^[ \t]*(\r?\n)?/.exec(text.slice(end))?.[0] ?? '';
  if (/^[ \t]*$/.test(head) && tail.includes('\n')) {
    start -= head.length;
    end += tail.length;
  } else if (hasComma) end += tail.length;
  const without = spliced(text, start, end, '');
  if (hasComma || before === undefined) return without;
  const superfluous = skipTrivia(text, endOf(before));
  return spliced(without, superfluous, superfluous + 1, '');
}

/** Past blanks and comments. */
function skipTrivia(text: string, from: number): number {
  const found = /^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/.exec(text.slice(from));
  return from + (found?.[0].length ?? 0);
}

/** Past the comments that stand on the same line. */
function endOfLineComments(text: string, from: number): number {
  const found = /^(?:[ \t]*(?:\/\*[^\n]*?\*\/|\/\/[^\r\n]*))*/.exec(text.slice(from));
  return from + (found?.[0].length ?? 0);
}

const endOf = ({ offset, length }: Node): number => offset + length;

const spliced = (text: string, start: number, end: number, by: string): string =>
  text.slice(0, start) + by + text.slice(end);

const lineBefore = (text: string, at: number): string => text.slice(text.lastIndexOf('\n', at - 1) + 1, at);

const indentAt = (text: string, at: number): string => /^[ \t]*/.exec(lineBefore(text, at))?.[0] ?? '';

const styleOf = (text: string) => ({
  newline: text.includes('\r\n') ? '\r\n' : '\n',
  unit: /^([ \t]+)"/m.exec(text)?.[1] ?? '  ',
});
