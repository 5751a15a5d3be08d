import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const known = new Map<string, string>();

/** The version that `<program> --version` tells; undefined when it fails. Asked once per file. */
export async function versionOf(
  program: string,
  { environment, signal }: { environment: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<string | undefined> {
  try {
    const { mtimeMs, size } = await stat(program);
    const file = `${program} ${mtimeMs} ${size}`;
    const before = known.get(file);
    if (before !== undefined) return before;
    const { stdout } = await run(program, ['--version'], { env: { ...environment }, signal });
    const version = /\d+\.\d+\.\d+[\w.-]*/.exec(stdout)?.[0];
    if (version !== undefined) known.set(file, version);
    return version;
  } catch {
    return undefined;
  }
}
