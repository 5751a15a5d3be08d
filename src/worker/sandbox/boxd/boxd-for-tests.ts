import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { childrenOf } from '../engines/bubblewrap/process-tree.ts';
import type { Boxd, RunEnd, RunOptions } from './boxd.ts';
import { connectBoxd, type Hello } from './boxd-client.ts';
import { stageBoxd } from './boxd-package.ts';

const PATIENCE_MS = 20_000;

let staged: Promise<{ folder: string; package: string }> | undefined;

async function stage() {
  const folder = await mkdtemp(join(tmpdir(), 'boxd-staged-'));
  process.once('beforeExit', () => void rm(folder, { recursive: true, force: true }));
  return { folder, package: await stageBoxd(folder) };
}

export interface StartedBoxd extends AsyncDisposable {
  readonly boxd: Boxd;
  readonly channel: Duplex;
  readonly lanes: readonly Duplex[];
  readonly process: ChildProcess;
  /** The temporary folder that holds `files` and `env`. */
  readonly directory: string;
  readonly files: string;
  readonly env: string;
}

/** A real boxd outside of any box, on folders of its own. */
export async function startBoxd(hello: Hello = {}, { laneCount = 2 } = {}): Promise<StartedBoxd> {
  const directory = await mkdtemp(join(tmpdir(), 'boxd-test-'));
  const files = join(directory, 'files');
  const env = join(directory, 'env');
  await mkdir(files);
  await mkdir(env);
  const { channel, lanes, child } = await spawnBoxd(laneCount);
  const boxd = await connectBoxd(channel, { workspace: files, env, ...hello }, { lanes });
  return {
    boxd,
    channel,
    lanes,
    process: child,
    directory,
    files,
    env,
    async [Symbol.asyncDispose]() {
      channel.destroy();
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Waits until a fork stands by for the next Python program, and answers its pid. */
export async function standingBy({ boxd, process: { pid = 0 } }: StartedBoxd): Promise<number> {
  // It is made for who has run one.
  if ((await childrenOf(pid)).length === 0) await python(boxd, 'pass');
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const [waiting, ...others] = await childrenOf(pid);
    if (waiting !== undefined && others.length === 0) return waiting;
    await setTimeout(5);
  }
  throw new Error('no fork stands by');
}

/** A boxd that has not been greeted. */
export async function spawnBoxd(
  laneCount = 0,
): Promise<{ channel: Duplex; lanes: readonly Duplex[]; child: ChildProcess }> {
  staged ??= stage();
  const numbers = Array.from({ length: 1 + laneCount }, (_, at) => 6 + at);
  const child = spawn('/usr/bin/python3', ['-I', '-u', (await staged).package, ...numbers.map(String)], {
    env: { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'inherit', 'ignore', 'ignore', 'ignore', ...numbers.map(() => 'pipe' as const)],
  });
  const streams: readonly unknown[] = child.stdio;
  const [channel, ...lanes] = streams.slice(6).filter(stream => stream instanceof Duplex);
  if (channel === undefined || lanes.length !== laneCount) throw new Error('no channel to boxd');
  return { channel, lanes, child };
}

export interface Finished extends RunEnd {
  readonly result?: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs something and keeps what it put out. */
export async function finish(
  start: (options: RunOptions) => Promise<RunEnd & { result?: string }>,
  signal: AbortSignal = new AbortController().signal,
): Promise<Finished> {
  const parts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const end = await start({ signal, onOutput: (stream, bytes) => void parts[stream].push(Buffer.from(bytes)) });
  return { ...end, stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}

export const limits = { timeoutMs: 20_000, outputBytes: 16 * 1024 * 1024 };

export const exec = (boxd: Boxd, argv: string[], more: object = {}, signal?: AbortSignal): Promise<Finished> =>
  finish(options => boxd.exec({ argv, cwd: '', env: {}, ...limits, ...more }, options), signal);

export const shell = (boxd: Boxd, script: string, more: object = {}, signal?: AbortSignal): Promise<Finished> =>
  exec(boxd, ['/bin/bash', '-c', script], more, signal);

export const python = (boxd: Boxd, code: string, more: object = {}, signal?: AbortSignal): Promise<Finished> =>
  finish(options => boxd.python({ source: { code }, args: [], env: {}, ...limits, ...more }, options), signal);

export const cell = (boxd: Boxd, code: string, more: object = {}, signal?: AbortSignal): Promise<Finished> =>
  finish(options => boxd.cell({ context: 'main', code, env: {}, ...limits, ...more }, options), signal);
