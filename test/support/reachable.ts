import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');

/**
 * The same command by paths that another user can read: where the project lies in a closed folder, what is needed is copied to
 * `copy`. `become`: the words in front of a command that make it that user's.
 */
export async function reachable(
  [node = '', main = '', ...rest]: string[],
  { become, copy }: { become: string[]; copy: string },
): Promise<string[]> {
  const [program = '', ...args] = become;
  const can = (...check: string[]): Promise<boolean> =>
    promisify(execFile)(program, [...args, '/usr/bin/test', ...check], { cwd: '/' }).then(
      () => true,
      () => false,
    );
  await mkdir(copy, { mode: 0o755 });
  const ownNode = join(copy, 'node');
  const mustCopyNode = !(await can('-x', node));
  if (mustCopyNode) await copyFile(node, ownNode);
  const zod = join('node_modules', 'zod', 'package.json');
  const canRead = (await can('-r', main)) && (await can('-r', join(root, zod)));
  if (!canRead) {
    await copyFile(join(root, 'package.json'), join(copy, 'package.json'));
    for (const folder of ['src', join('test', 'support'), join('node_modules', 'zod')])
      await cp(join(root, folder), join(copy, folder), { recursive: true });
    await promisify(execFile)('/bin/chmod', ['-R', 'a+rX', copy]);
  }
  return [mustCopyNode ? ownNode : node, canRead ? main : join(copy, relative(root, main)), ...rest];
}
