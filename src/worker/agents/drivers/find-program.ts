import { accessSync, constants, statSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** The file of a program: an absolute path is taken as it is, a name is looked for on the path. Undefined when it cannot be run. */
export async function findProgram(program: string, path = ''): Promise<string | undefined> {
  for (const candidate of candidates(program, path)) if (await isProgram(candidate)) return candidate;
  return undefined;
}

/** The same, for who would wait longer for its turn than for the few looks that this takes. */
export const findProgramNow = (program: string, path = ''): string | undefined =>
  candidates(program, path).find(isProgramNow);

const candidates = (program: string, path: string): string[] =>
  isAbsolute(program)
    ? [program]
    : path
        .split(delimiter)
        .filter(folder => isAbsolute(folder))
        .map(folder => join(folder, program));

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function isProgramNow(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
