import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Of the kernel's clock, in which /proc counts. */
const TICKS_PER_SECOND = 100;

interface Row {
  readonly parent: number;
  readonly ticks: number;
}

/** Seconds of processor time of a process alone, and of all that descends from it. */
export interface Spent {
  readonly alone: number;
  readonly below: number;
}

export interface Usage {
  readonly atMs: number;
  /** Of the whole machine. */
  readonly busySeconds: number;
  readonly of: ReadonlyMap<string, Spent>;
}

/** What processes have spent until now, by name. What was spent by those that have ended is counted with their parents. */
export function usageOf(pids: ReadonlyMap<string, number>): Usage {
  const rows = processes();
  const children = Map.groupBy(rows, ([, { parent }]) => parent);
  const below = (pid: number): number =>
    (children.get(pid) ?? []).reduce((sum, [child, { ticks }]) => sum + ticks + below(child), 0);
  const of = new Map(
    [...pids].map(([name, pid]) => {
      const own = ownTicks(pid);
      const dead = (rows.find(([other]) => other === pid)?.[1].ticks ?? own) - own;
      return [name, { alone: own / TICKS_PER_SECOND, below: (below(pid) + dead) / TICKS_PER_SECOND }] as const;
    }),
  );
  return { atMs: performance.now(), busySeconds: busySeconds(), of };
}

/** What was used from one moment to another, as shares of one processor; `machine` of all of them. */
export function sharesBetween(before: Usage, after: Usage) {
  const seconds = (after.atMs - before.atMs) / 1000;
  const shares = [...after.of].map(([name, spent]) => {
    const earlier = before.of.get(name) ?? { alone: 0, below: 0 };
    return { name, alone: (spent.alone - earlier.alone) / seconds, below: (spent.below - earlier.below) / seconds };
  });
  return { shares, machine: (after.busySeconds - before.busySeconds) / seconds / cpus().length };
}

function processes(): [number, Row][] {
  const rows: [number, Row][] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    const ticks = fields.slice(11, 15).reduce((sum, text) => sum + Number(text), 0);
    if (fields.length > 15) rows.push([Number(name), { parent: Number(fields[1]), ticks }]);
  }
  return rows;
}

function ownTicks(pid: number): number {
  const [user = 0, system = 0] = statOf(pid).slice(11, 13).map(Number);
  return user + system;
}

/** From the state on, which follows the name in parentheses; empty for a process that has ended. */
function statOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  } catch {
    return [];
  }
}

/** All but what was spent idle and waiting for disks. */
function busySeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/ +/)
    .map(Number);
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}
