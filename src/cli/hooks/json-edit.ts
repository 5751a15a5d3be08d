/**
 * Changes in the text of a JSON file that leave every other byte as it is. The text must be valid JSON, and what lies on a path must
 * be an object, at its end an array where items are meant: callers see to both.
 */

type Path = readonly string[];

interface Span {
  readonly start: number;
  readonly end: number;
}
interface Member extends Span {
  readonly key: string;
  readonly value: Node;
}
type Node = Span & { readonly members?: readonly Member[]; readonly items?: readonly Node[] };

/** Sets a member, and makes the objects on the way to it. */
export function withMember(text: string, path: Path, value: unknown): string {
  const at = reached(text, path);
  const [key, ...rest] = path.slice(at.depth);
  if (key === undefined) return replaced(text, at.node, formatted(text, at.node.start, value));
  const nested = rest.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  return inserted(text, at.node, { spans: at.node.members ?? [], value: nested, key });
}

/** Adds an item at the end of an array, which is made when it is not there. */
export function withItem(text: string, path: Path, value: unknown): string {
  const { node, depth } = reached(text, path);
  if (depth < path.length) return withMember(text, path, [value]);
  return inserted(text, node, { spans: node.items ?? [], value });
}

/** What is not there stays so. */
export function withoutMember(text: string, path: Path): string {
  const { node, depth } = reached(text, path.slice(0, -1));
  const members = node.members ?? [];
  const at = members.findLastIndex(({ key }) => key === path.at(-1));
  return depth < path.length - 1 || at < 0 ? text : cut(text, node, { spans: members, at });
}

export function withoutItem(text: string, path: Path, at: number): string {
  const { node } = reached(text, path);
  return cut(text, node, { spans: node.items ?? [], at });
}

/** How far the path leads, and what is there. Of several members of one name the last counts, as everywhere. */
function reached(text: string, path: Path): { node: Node; depth: number } {
  let node = scan(text);
  for (const [depth, key] of path.entries()) {
    const member = node.members?.findLast(one => one.key === key);
    if (member === undefined) return { node, depth };
    node = member.value;
  }
  return { node, depth: path.length };
}

/** After the last of the spans, set apart as the first of them is. */
function inserted(
  text: string,
  node: Node,
  { spans, key, value }: { spans: readonly Span[]; key?: string; value: unknown },
): string {
  const [first] = spans;
  const last = spans.at(-1);
  const outer = indentAt(text, node.start);
  const { newline, unit } = styleOf(text);
  const gap = first === undefined ? `${newline}${outer}${unit}` : text.slice(node.start + 1, first.start);
  const isSpread = gap.includes('\n');
  const written = isSpread
    ? JSON.stringify(value, null, unit).replaceAll('\n', `${newline}${gap.slice(gap.lastIndexOf('\n') + 1)}`)
    : JSON.stringify(value);
  const named = key === undefined ? written : `${JSON.stringify(key)}:${isSpread ? ' ' : ''}${written}`;
  if (last === undefined)
    return replaced(text, { start: node.start + 1, end: node.end - 1 }, `${gap}${named}${newline}${outer}`);
  return replaced(text, { start: last.end, end: last.end }, `,${gap}${named}`);
}

function cut(text: string, node: Node, { spans, at }: { spans: readonly Span[]; at: number }): string {
  const [before, span, next] = [spans[at - 1], spans[at], spans[at + 1]];
  if (span === undefined) return text;
  if (before !== undefined) return replaced(text, { start: before.end, end: span.end }, '');
  if (next !== undefined) return replaced(text, { start: span.start, end: next.start }, '');
  return replaced(text, { start: node.start + 1, end: node.end - 1 }, '');
}

const replaced = (text: string, { start, end }: Span, by: string): string =>
  text.slice(0, start) + by + text.slice(end);

function formatted(text: string, start: number, value: unknown): string {
  const { newline, unit } = styleOf(text);
  if (!text.includes('\n')) return JSON.stringify(value);
  return JSON.stringify(value, null, unit).replaceAll('\n', `${newline}${indentAt(text, start)}`);
}

/** The blanks that the line begins with. */
function indentAt(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at) + 1, at);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

const styleOf = (text: string) => ({
  newline: text.includes('\r\n') ? '\r\n' : '\n',
  unit: /\{\r?\n([ \t]+)/.exec(text)?.[1] ?? '  ',
});

function scan(text: string): Node {
  let at = 0;
  const skip = () => {
    while (/\s/.test(text[at] ?? '')) at += 1;
  };
  /** A bracket's content: each part read by `read`, and what separates them passed over. */
  const parts = <Part>(read: () => Part): Part[] => {
    const found: Part[] = [];
    at += 1;
    while (true) {
      while (/[\s,]/.test(text[at] ?? '')) at += 1;
      if (at >= text.length || text[at] === '}' || text[at] === ']') break;
      found.push(read());
    }
    at += 1;
    return found;
  };
  const scalar = (): Span => {
    const start = at;
    if (text[at] === '"') {
      for (at += 1; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
      at += 1;
    } else while (at < text.length && !/[\s,\]}:]/.test(text[at] ?? '')) at += 1;
    return { start, end: at };
  };
  const member = (): Member => {
    const name = scalar();
    const key = String(JSON.parse(text.slice(name.start, name.end)));
    while (/[\s:]/.test(text[at] ?? '')) at += 1;
    const found = value();
    return { key, value: found, start: name.start, end: found.end };
  };
  const value = (): Node => {
    skip();
    const start = at;
    if (text[at] === '{') return { members: parts(member), start, end: at };
    if (text[at] === '[') return { items: parts(value), start, end: at };
    return scalar();
  };
  return value();
}
