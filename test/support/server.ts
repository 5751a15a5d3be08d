import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A directory that users of boxes can reach, removed at the end. */
export async function scratchDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'boxswain-test-'));
  await chmod(path, 0o711);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The environment of a started program: nothing of the test's own but what running Node needs. Agents may work nowhere. */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const sessions = { BOXSWAIN_SESSIONS_ROOTS: ',' };
  const { PATH = '/usr/bin:/bin', NODE_COMPILE_CACHE: cache } = process.env;
  return { PATH, HOME: tmpdir(), ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }), ...sessions, ...extra };
}

const START_LIMIT_MS = 180_000;
const STOP_LIMIT_MS = 45_000;

/** Servers that a failed test left running: they end with it, and do not keep it alive. */
const leftRunning = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of leftRunning) child.kill('SIGKILL');
});

export interface RunningServer extends RunningRole {
  readonly url: string;
}

export interface RunningRole {
  readonly directory: string;
  readonly child: ChildProcess;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Ends it as an operator would; `kill` as a crash would. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface ServerOptions {
  readonly role?: 'serve' | 'hub';
  readonly directory: string;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** A command that becomes, in place, the program that follows it: `nsenter --net=…`. */
  readonly launcher?: readonly string[];
}

/** Starts `boxswain serve`, or `hub`, on a free port and waits until it listens. */
export async function startServer({ role = 'serve', args = [], ...options }: ServerOptions): Promise<RunningServer> {
  const { found, ...running } = await startRole(
    { ...options, args: [role, '--port', '0', ...args] },
    /listening on (http:\S+)\/mcp/,
  );
  return { ...running, url: found };
}

/** Starts a role in a process of its own, and waits until a line of its output matches; answers the first group of it. */
export async function startRole(
  { directory, env = {}, args = [], launcher = [] }: Omit<ServerOptions, 'role'>,
  ready: RegExp,
): Promise<RunningRole & { found: string }> {
  const [program = process.execPath, ...words] = [...launcher, process.execPath, mainFile, ...args];
  const child = spawn(program, [...words, '--directory', directory], {
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  leftRunning.add(child);
  child.once('exit', () => leftRunning.delete(child));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
  });
  // Killed, it exits, which is told with what it wrote.
  const overdue = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  const found = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      const match = ready.exec(line);
      if (match?.[1]) resolve(match[1]);
    });
    child.once('exit', code => reject(new Error(`the server ended with ${code} before it listened: ${log}`)));
  }).finally(() => clearTimeout(overdue));
  child.unref();
  for (const pipe of [child.stdout, child.stderr]) if (pipe instanceof Socket) pipe.unref();
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    child.kill(signal);
    // It gives what runs half a minute; longer than that is a fault, which must not become an endless test.
    const overdue = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(overdue);
    if (signal === 'SIGTERM' && String(child.signalCode) === 'SIGKILL')
      throw new Error(`the server did not stop in ${STOP_LIMIT_MS} ms: ${log.slice(-2000)}`);
  };
  return { found, directory, child, log: () => log, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of the CLI to its end. */
export async function runCli(
  args: readonly string[],
  options: { env?: Record<string, string>; stdin?: string } = {},
): Promise<CliRun> {
  const child = spawn(process.execPath, [mainFile, ...args], { env: cleanEnvironment(options.env), stdio: 'pipe' });
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  const [stdout, stderr, [code]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}
