import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isProcessThere, type ProcessName } from '../../../ids/process-name.ts';
import { hasVariable, type ProcessEntry, readProcessTable } from './process-table.ts';

/** What was started as one, with everything that it started in turn. */
export interface ProcessTree {
  /** Undefined when it is not known whether it was started at all. */
  readonly leader?: ProcessName;
  /** A variable of its environment, with a value of its own, which everything below it inherits. */
  readonly mark: string;
}

/** Between two looks at a process that is no child of ours, so that nothing else tells of its end. */
const LOOK_MS = 20;

/**
 * Everything of the tree that is there now: the leader's group, its kernel session, its descendants, and whoever carries the mark,
 * which finds those that outlived the leader or left its group. A number that another process has got meanwhile does not count.
 */
export async function membersOf({ leader, mark }: ProcessTree): Promise<ProcessEntry[]> {
  const table = await readProcessTable();
  const isLeaderThere = leader !== undefined && table.some(entry => isSame(entry, leader));
  const marked = await Promise.all(table.map(({ pid }) => hasVariable(pid, mark)));
  const members = new Set(
    table.filter(
      (entry, at) =>
        marked[at] || (isLeaderThere && (entry.group === leader.pid || entry.kernelSession === leader.pid)),
    ),
  );
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    const pids = new Set([...members].map(({ pid }) => pid));
    for (const entry of table) if (pids.has(entry.parent)) members.add(entry);
  }
  return [...members].filter(({ pid }) => pid !== process.pid);
}

const isSame = (a: ProcessName, b: ProcessName): boolean => a.pid === b.pid && a.startTime === b.startTime;

/**
 * Kills the whole tree and waits until it is gone, for `withinMs` at most. What is left then, which is nothing unless the kernel
 * holds a process back.
 */
export async function killTree(tree: ProcessTree, options: { withinMs: number }): Promise<ProcessEntry[]> {
  if (!existsSync('/proc/self/stat')) killGroup(tree.leader);
  const until = Date.now() + options.withinMs;
  for (;;) {
    const members = await membersOf(tree);
    if (members.length === 0 || Date.now() > until) return members;
    for (const member of members) await killOne(member);
    await delay(LOOK_MS);
  }
}

async function killOne(name: ProcessName): Promise<void> {
  // Looked at right before, so that a number which was given to somebody else meanwhile is left alone.
  if (await isProcessThere(name)) kill(name.pid);
}

/** Where processes cannot be listed their group is all that we have. */
function killGroup(leader: ProcessName | undefined): void {
  if (leader) kill(-leader.pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
