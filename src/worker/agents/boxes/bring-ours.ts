import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BoxProgram } from '../driver.ts';
import { bringNode } from './bring-program.ts';

/** Of the program that runs here, compiled as it is. */
const SOURCES = join(import.meta.dirname, '../../..');

/** A program that is part of ours: our sources, the packages that it imports, each of which needs no other, and Node. */
export async function bringOurs(
  base: string,
  { program, packages }: { program: string; packages: readonly string[] },
): Promise<BoxProgram> {
  const app = join(base, 'app');
  const node = await bringNode(base, undefined);
  const mounts = [
    { from: SOURCES, to: join(app, basename(SOURCES)) },
    { from: join(SOURCES, '../package.json'), to: join(app, 'package.json') },
    ...packages.map(name => ({
      from: dirname(fileURLToPath(import.meta.resolve(name))),
      to: join(app, 'node_modules', name),
    })),
  ];
  const inBox = join(app, basename(SOURCES), relative(SOURCES, program));
  return { command: [...node.command, inBox], mounts: [...node.mounts, ...mounts] };
}
