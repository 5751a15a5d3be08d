import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, readOurs } from './service-files.ts';
import type { Host, Target } from './target.ts';

export interface Service {
  readonly host: Host;
  readonly target: Target;
  readonly signal: AbortSignal;
  run: Run;
}

/** Runs a program of the machine; 127 where there is none of that name. `said` is what it wrote, shortened. */
export type Run = (command: readonly string[], signal: AbortSignal) => Promise<{ code: number; said: string }>;

export const runCommand: Run = ([program = '', ...args], signal) =>
  new Promise(done => {
    execFile(program, args, { signal, timeout: 90_000, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      done({ code, said: (stderr || stdout || (error === null ? '' : error.message)).trim().slice(0, 300) });
    });
  });

/** Stops the service and takes its file away; settings stay. False: there was none. */
export async function uninstallService({ host, target, run, signal }: Service): Promise<boolean> {
  if ((await readOurs(target.path)) === undefined) return false;
  const isManaged = await hasManager(target, host);
  if (isManaged) for (const command of target.stop) await run(command, signal);
  await rm(target.path);
  if (isManaged) for (const command of target.forget) await run(command, signal);
  return true;
}

export interface State {
  readonly isInstalled: boolean;
  /** Undefined: nobody here can say. */
  readonly isActive: boolean | undefined;
}

/** Whether the service is installed and runs; `isActive` is undefined where nobody can be asked. */
export async function stateOf({ host, target, run, signal }: Service): Promise<State> {
  const isInstalled = (await readOurs(target.path)) !== undefined;
  const asks = target.status !== undefined && (await hasManager(target, host));
  if (!asks || target.status === undefined) return { isInstalled, isActive: undefined };
  return { isInstalled, isActive: (await run(target.status, signal)).code === 0 };
}

async function hasManager({ start }: Target, { root }: Host): Promise<boolean> {
  return start[0]?.[0] !== 'systemctl' || (await exists(join(root, 'run/systemd/system')));
}
