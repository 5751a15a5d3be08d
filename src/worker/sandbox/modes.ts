import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Files and folders with a mode of their own, whatever the umask: users of boxes, who are others to us, must be able to reach some
 * of them.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await chmod(path, mode);
}

/** Writes a file with exactly this mode, whatever the umask. */
export async function makeFile(
  path: string,
  { data, mode }: { data: string | Uint8Array; mode: number },
): Promise<void> {
  await writeFile(path, data, { mode });
  await chmod(path, mode);
}

/**
 * Makes a folder that anybody may pass through and nobody else may list, and those above it that are missing. One that is there
 * already keeps its mode: it may be somebody else's, and why it is closed is the probe's to say.
 */
export async function makePassable(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o711 });
  if (first === undefined) return;
  for (let made = resolve(path); made.length >= first.length; made = dirname(made)) await chmod(made, 0o711);
}
