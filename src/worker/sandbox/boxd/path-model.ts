import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A tree in memory: what a path means is computed from it, without any file system. Used by tests only. */
export type Node =
  | { readonly kind: 'dir'; readonly entries: Map<string, Node> }
  | { readonly kind: 'file'; readonly content: string }
  | { readonly kind: 'link'; readonly target: string };

export type Meaning = { readonly content: string } | 'leaves' | 'missing' | 'not a file';

export interface Item {
  readonly path: readonly string[];
  readonly make: 'file' | { readonly link: string };
}

/** Makes the items below `root` on disk and in memory; an item that has no room is left out of both. */
export function build(items: readonly Item[], root: string): Node {
  const tree: Node = { kind: 'dir', entries: new Map() };
  for (const [index, { path, make }] of items.entries()) {
    const folder = folderOf(tree, path.slice(0, -1));
    const name = path.at(-1) ?? '';
    if (!folder || folder.has(name)) continue;
    const full = join(root, ...path);
    mkdirSync(dirname(full), { recursive: true });
    if (make === 'file') {
      writeFileSync(full, `file ${index}`);
      folder.set(name, { kind: 'file', content: `file ${index}` });
    } else {
      symlinkSync(make.link, full);
      folder.set(name, { kind: 'link', target: make.link });
    }
  }
  return tree;
}

function folderOf(tree: Node, path: readonly string[]): Map<string, Node> | undefined {
  if (tree.kind !== 'dir') return undefined;
  const [first, ...rest] = path;
  if (first === undefined) return tree.entries;
  const next = tree.entries.get(first) ?? { kind: 'dir', entries: new Map() };
  tree.entries.set(first, next);
  return folderOf(next, rest);
}

/** What the rules say: names first, then links step by step, never above the root. */
export function meaning(tree: Node, path: string, root: string): Meaning {
  const relative = inside(path, root);
  if (relative === undefined) return 'leaves';
  const parts: string[] = [];
  for (const part of relative.split('/').filter(isStep)) {
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return 'leaves';
  }
  return follow(tree, parts, root);
}

function follow(tree: Node, pending: string[], root: string): Meaning {
  const stack: Node[] = [tree];
  for (let links = 0; ; ) {
    const here = stack.at(-1);
    const part = pending.shift();
    if (part === undefined) return here?.kind === 'file' ? { content: here.content } : 'not a file';
    if (here?.kind !== 'dir') return 'missing';
    if (part === '..') {
      stack.pop();
      if (stack.length === 0) return 'leaves';
      continue;
    }
    const next = here.entries.get(part);
    if (!next) return 'missing';
    if (next.kind !== 'link') {
      stack.push(next);
      continue;
    }
    links += 1;
    const target = inside(next.target, root);
    if (links > 40 || target === undefined) return 'leaves';
    if (next.target.startsWith('/')) stack.length = 1;
    pending.unshift(...target.split('/').filter(isStep));
  }
}

const isStep = (part: string) => part !== '' && part !== '.';

/** The path below the root; undefined when it is absolute and not below it. */
function inside(path: string, root: string): string | undefined {
  if (!path.startsWith('/')) return path;
  const absolute = path.replace(/^\/+/, '/');
  const prefix = [root, '/workspace'].find(each => absolute === each || absolute.startsWith(`${each}/`));
  return prefix === undefined ? undefined : absolute.slice(prefix.length);
}
