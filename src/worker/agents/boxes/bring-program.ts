import { open, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { z } from 'zod';
import type { AppError } from '../../../errors/app-error.ts';
import type { ReadOnlyMount } from '../../sandbox/engine.ts';
import type { BoxProgram } from '../driver.ts';
import { agentUnavailable } from '../unavailable.ts';
import { findProgram } from '../drivers/find-program.ts';

/** In every box as it is. */
const SHARED = `${sep}usr${sep}`;
const MODULES = 'node_modules';
const FIRST_LINE_BYTES = 256;
const ELF = Buffer.from('\x7fELF', 'latin1');

interface Bringing {
  readonly kind: string;
  /** A path, or a name to look for. */
  readonly program: string;
  /** Where it is looked for, and Node for those that are written for it. */
  readonly path: string | undefined;
  /** The folder of the box that the agent has for itself. */
  readonly base: string;
}

/**
 * How an installed program gets into boxes: a binary by itself, a script for Node with the packages that it was installed with, and
 * Node. Throws AGENT_UNAVAILABLE.
 */
export async function bringProgram({ kind, program, path, base }: Bringing): Promise<BoxProgram> {
  const found = await findProgram(program, path);
  if (found === undefined) throw unavailable(kind, `${basename(program)} is not installed`);
  const file = await realpath(found);
  const start = await firstBytes(file);
  const isBinary = start.subarray(0, ELF.length).equals(ELF);
  // By a name that stays when a newer version comes.
  if (isBinary) return bring(file, join(base, 'bin', kind));
  if (!/^#!.*\bnode\b/.test(start.toString('latin1').split('\n')[0] ?? '')) {
    throw unavailable(
      kind,
      'its program is neither a binary nor a script for Node, so it cannot be brought into a box',
    );
  }
  const node = await bringNode(base, path);
  const folder = await packagesOf(file);
  if (folder === undefined)
    throw unavailable(kind, 'its program is no installed package, so it cannot be brought into a box');
  const script = bring(folder, join(base, MODULES));
  const inBox = join(script.command[0], relative(folder, file));
  return { command: [...node.command, inBox], mounts: [...node.mounts, ...script.mounts] };
}

/** Node itself: that of the path, else the one that we run with. */
export async function bringNode(base: string, path: string | undefined): Promise<BoxProgram> {
  const node = (await findProgram('node', path)) ?? process.execPath;
  const file = await realpath(node);
  // On the path it may be a script that chooses a version.
  const isBinary = (await firstBytes(file)).subarray(0, ELF.length).equals(ELF);
  return bring(isBinary ? file : await realpath(process.execPath), join(base, 'bin', 'node'));
}

/** The place of a file or folder in a box. */
export function bring(from: string, to: string): { command: [string]; mounts: ReadOnlyMount[] } {
  return from.startsWith(SHARED) ? { command: [from], mounts: [] } : { command: [to], mounts: [{ from, to }] };
}

/** The folder of packages that a package was installed into together with what it depends on. */
async function packagesOf(file: string): Promise<string | undefined> {
  let found: string | undefined;
  let folder = dirname(file);
  for (;;) {
    const parent = dirname(folder);
    if (parent === folder) return found;
    if (basename(folder) === MODULES) {
      found = folder;
      // A folder of packages inside of a package belongs to that; what is further up belongs to somebody else.
      if (!(await isPackage(parent))) return found;
    }
    folder = parent;
  }
}

const packageSchema = z.looseObject({ name: z.string().min(1) });

/** Installed into a folder of packages, as its name says. */
async function isPackage(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => 'null');
  const told = packageSchema.safeParse(parse(text)).data;
  return told !== undefined && folder.endsWith(join(sep, MODULES, told.name));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function firstBytes(file: string): Promise<Buffer> {
  await using handle = await open(file, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

export const unavailable = (kind: string, reason: string): AppError =>
  agentUnavailable(kind, {
    reason: `not in workspaces: ${reason}`,
    hint: 'call list_agents_available: capabilities.inWorkspace tells which agents run in workspaces',
  });
