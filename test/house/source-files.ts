import { relative } from 'node:path';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

/** A file of the project as the compiler reads it: no rule is fooled by comments or strings. */
export interface Source {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly tree: SourceFile;
}

/** Every TypeScript file of the project at `root` that is its own, by its tsconfig.json. */
export function readSources(root: string): Source[] {
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProjects: [`${root}/tsconfig.json`] }).getProjects();
    if (project === undefined) throw new Error(`there is no project in ${root}`);
    return project.rootFiles.flatMap(file => {
      const tree = project.program.getSourceFile(file);
      return tree === undefined ? [] : [{ path: relative(root, file).replaceAll('\\', '/'), text: tree.text, tree }];
    });
  } finally {
    api.close();
  }
}

/** The node and all below it, in the order of the text. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node;
  const children: Node[] = [];
  node.forEachChild(child => {
    children.push(child);
  });
  for (const child of children) yield* nodesOf(child);
}

/** Of the first character of the node, from 1. */
export const lineOf = ({ text, tree }: Source, node: Node): number =>
  text.slice(0, node.getStart(tree)).split('\n').length;
