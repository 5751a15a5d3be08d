import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex, Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { BoxStorage, ReadOnlyMount } from '../../engine.ts';
import { boxArgv, type BoxMounts, descriptors, visibleArgv } from './argv.ts';
import { endLauncher } from './orphans.ts';
import type { Runtime } from './runtime.ts';

export interface LaunchPlan {
  readonly runtime: Runtime;
  readonly storage: BoxStorage;
  /** The storage is an image to be mounted, which needs root. */
  readonly isImage: boolean;
  readonly egressSocket?: string;
  readonly mounts?: readonly ReadOnlyMount[];
  readonly tmpBytes: number;
  readonly shmBytes: number;
  readonly command: readonly string[];
}

/** A started box that runs nothing yet: it waits for `release`. */
export interface Launched {
  readonly child: ChildProcess;
  /** Of the first process in the box, as the host numbers it. */
  readonly firstPid: number;
  readonly channel: Duplex;
  readonly lanes: readonly Duplex[];
  /** What the launcher wrote to stderr, at most 4 KiB. */
  stderr(): string;
  /** What the last process returned; undefined until it ended, or when the launch failed. */
  exitCode(): number | undefined;
  /** Settles when all that the launcher will ever say of the box has been read. */
  statusRead(): Promise<void>;
  release(): void;
}

const MAX_STDERR = 4096;
/** The status pipe closes with the launcher, unless something else still holds it. */
const STATUS_GRACE_MS = 500;
const statusSchema = z.object({ 'child-pid': z.number().optional(), 'exit-code': z.number().optional() });

/**
 * Mounts the image where only the box's processes see it, so that a dead box leaves no mount; makes the two folders on first use
 * (nobody but us can write beside them); becomes the box's user; then bubblewrap. Arguments: image, mount point, uid, gid, rest.
 */
const MOUNT_SCRIPT = `
img=$1 at=$2 uid=$3 gid=$4
shift 4
mount -o loop,nosuid,nodev "$img" "$at" || exit 91
if [ ! -e "$at/env" ]; then
  mkdir -p "$at/files/artifacts" "$at/env.new" && chmod 755 "$at/files" "$at/files/artifacts" "$at/env.new" && chown -R "$uid:$gid" "$at/files" "$at/env.new" && mv "$at/env.new" "$at/env" || exit 92
fi
unset PWD OLDPWD
exec /usr/bin/setpriv "--reuid=$uid" "--regid=$gid" --clear-groups "$@"
`;

const { status, block, channel, options, lanes } = descriptors;
const PIPES = [status, block, channel, options, ...lanes].map(() => 'pipe' as const);

/** Starts the box. Rejects with what the launcher said when it ends before the box exists. */
export async function launch(plan: LaunchPlan, signal: AbortSignal): Promise<Launched> {
  const filter = openSync(plan.runtime.filter, 'r');
  const { words, told } = launcherWords(plan);
  const [program = '', ...args] = words;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      env: {},
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', filter, ...PIPES],
    });
  } finally {
    closeSync(filter);
  }
  const pipes: readonly unknown[] = child.stdio;
  const [, , errors, , status, block, channel, options, ...others] = pipes;
  const lanes = others.filter(stream => stream instanceof Duplex);
  if (
    !(
      errors instanceof Readable &&
      status instanceof Readable &&
      block instanceof Writable &&
      channel instanceof Duplex &&
      options instanceof Writable &&
      lanes.length === descriptors.lanes.length
    )
  ) {
    throw new Error('the launcher has no pipes');
  }
  const all = [status, block, channel, options, ...lanes];
  for (const stream of all) stream.on('error', () => {});
  options.end(told.map(word => `${word}\0`).join(''));
  let stderr = '';
  errors.on('data', (chunk: Buffer) => {
    if (stderr.length < MAX_STDERR) stderr += chunk.toString().slice(0, MAX_STDERR - stderr.length);
  });
  let exitCode: number | undefined;
  const statusEnd = new Promise<void>(resolve => status.once('close', resolve));
  const abort = (): void => void endLauncher(child.pid ?? 0);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const firstPid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', code => reject(new Error(`the launcher ended with ${code}: ${stderr.trim()}`)));
      onStatus(status, line => {
        if (line['child-pid'] !== undefined) resolve(line['child-pid']);
        exitCode = line['exit-code'] ?? exitCode;
      });
    });
    signal.throwIfAborted();
    return {
      child,
      firstPid,
      channel,
      lanes,
      stderr: () => stderr.trim(),
      exitCode: () => exitCode,
      statusRead: () => Promise.race([statusEnd, delay(STATUS_GRACE_MS, undefined, { ref: false })]),
      release: () => block.end('x'),
    };
  } catch (error) {
    await endLauncher(child.pid ?? 0);
    // Should the box have got away from its launcher in this moment, it ends for want of a worker at the other end.
    for (const stream of all) stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Settles with what a launched command returned. */
export async function ended({ child, exitCode, statusRead }: Launched): Promise<number | undefined> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  await statusRead();
  return exitCode();
}

/** The command, and what bubblewrap is told beside it: its first process keeps the command where code in the box can read it. */
function launcherWords(plan: LaunchPlan): { words: string[]; told: string[] } {
  const { runtime, storage, isImage, command } = plan;
  const root = isImage ? join(storage.directory, 'mount') : storage.directory;
  const mounts: BoxMounts = { ...plan, files: join(root, 'files'), packages: join(root, 'env') };
  const told = boxArgv(mounts);
  const box = ['/usr/bin/bwrap', ...visibleArgv(runtime.mark, command)];
  const owner = [String(storage.uid), String(storage.gid)];
  if (isImage) {
    const shell = ['/bin/sh', '-c', MOUNT_SCRIPT, 'sh', join(storage.directory, 'disk.img'), root, ...owner, ...box];
    return { told, words: ['/usr/bin/unshare', '--mount', '--propagation', 'private', '--', ...shell] };
  }
  if (process.getuid?.() !== 0) return { told, words: box };
  const become = [`--reuid=${storage.uid}`, `--regid=${storage.gid}`, '--clear-groups'];
  return { told, words: ['/usr/bin/setpriv', ...become, ...box] };
}

function onStatus(stream: Readable, heard: (line: z.output<typeof statusSchema>) => void): void {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const parsed = statusSchema.safeParse(parseLine(line));
      if (parsed.success) heard(parsed.data);
    }
  });
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
