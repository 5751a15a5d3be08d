import { readdirSync, readFileSync } from 'node:fs';

const LOOK_MS = 40;
/** Looks after which a process that shows no mark has none: it may not have become its program before. */
const YOUNG = 3;

interface Seen {
  looks: number;
  mark: string | undefined;
}

/**
 * Sees from outside which work runs in boxes, whatever workers, hubs and rolled back files say: it looks at all processes of the
 * machine for a mark in their arguments. Two processes of one mark that do not descend from each other are two executions.
 */
export class Executions {
  readonly #pattern: RegExp;
  readonly #known = new Map<string, Seen>();
  /** By mark, the processes in which it ran: by pid and start time, what is known of them. */
  readonly #runs = new Map<string, Map<string, string>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(mark: RegExp) {
    this.#pattern = mark;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get count(): number {
    return this.#runs.size;
  }

  /** Marks that ran more than once, with where and when that was seen. */
  get doubled(): { mark: string; runs: string[] }[] {
    return [...this.#runs].flatMap(([mark, runs]) => (runs.size > 1 ? [{ mark, runs: [...runs.values()] }] : []));
  }

  #look(): void {
    const there = new Set<string>();
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      there.add(pid);
      const seen = this.#known.get(pid) ?? { looks: 0, mark: undefined };
      this.#known.set(pid, seen);
      if (seen.mark !== undefined || seen.looks++ > YOUNG) continue;
      seen.mark = this.#pattern.exec(read(`/proc/${pid}/cmdline`))?.[0];
      if (seen.mark !== undefined) this.#record(pid, seen.mark);
    }
    for (const pid of this.#known.keys()) if (!there.has(pid)) this.#known.delete(pid);
  }

  #record(pid: string, mark: string): void {
    const { parent, startedAt } = statOf(pid);
    // A child that has not become its own program yet still shows the arguments of its parent.
    if (startedAt === '' || read(`/proc/${parent}/cmdline`).includes(mark)) return;
    const runs = this.#runs.get(mark) ?? new Map();
    this.#runs.set(mark, runs.set(`${pid} ${startedAt}`, `${hostOf(pid)} at ${new Date().toISOString()}`));
  }
}

/** The directory of the program that a process descends from. */
function hostOf(pid: string): string {
  for (let at = pid; at !== '' && at !== '0'; at = statOf(at).parent) {
    const directory = /--directory\0([^\0]+)/.exec(read(`/proc/${at}/cmdline`))?.[1];
    if (directory !== undefined) return directory.split('/').at(-1) ?? directory;
  }
  return `pid ${pid}`;
}

/** Empty for a process that has just ended. */
function statOf(pid: string): { parent: string; startedAt: string } {
  // After the name in parentheses: state, parent, … and as the 20th the time it started.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return { parent: fields[1] ?? '', startedAt: fields[19] ?? '' };
}

/** Empty for a process that has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
