import { readdir, readFile } from 'node:fs/promises';
import type { ProcessName } from '../../../ids/process-name.ts';

/** A process as the kernel tells of it. */
export interface ProcessEntry extends ProcessName {
  readonly parent: number;
  readonly group: number;
  /** Of the terminal, or its stand-in: what `setsid` starts. */
  readonly kernelSession: number;
}

/** All processes of the machine that are not over, from /proc. Empty where there is none. */
export async function readProcessTable(): Promise<ProcessEntry[]> {
  const names = await readdir('/proc').catch((): string[] => []);
  const entries = await Promise.all(names.filter(name => /^\d+$/.test(name)).map(readEntry));
  return entries.filter(entry => entry !== undefined);
}

async function readEntry(name: string): Promise<ProcessEntry | undefined> {
  const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
  // The program's own name stands in brackets and may hold anything.
  const [state, parent, group, kernelSession, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = rest[15];
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
  return {
    pid: Number(name),
    startTime,
    parent: Number(parent),
    group: Number(group),
    kernelSession: Number(kernelSession),
  };
}

/** Whether a process was started with this variable of its environment; false for what we may not look into. */
export async function hasVariable(pid: number, variable: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return environment.split('\0').includes(variable);
}
