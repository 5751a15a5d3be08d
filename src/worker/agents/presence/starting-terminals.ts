import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { orElse } from './or-else.ts';
import { ownAmong } from './own-processes.ts';
import { SeenProcesses } from './seen-processes.ts';

/** By then a program has said what it has open, or is none that opens anything. */
const STARTING_MS = 5_000;
/** Of the kernel's clock, in which it tells when a process was started: the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** What makes it answer and end. */
const PRINTS: ReadonlySet<string> = new Set(['-p', '--print']);
const RESUMES: ReadonlySet<string> = new Set(['-r', '--resume']);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A program of an agent in a terminal that was started a moment ago and has not said yet which session it has. */
export interface StartingTerminal {
  readonly pid: number;
  /** Epoch milliseconds. */
  readonly since: number;
  /** The session that its command line names; undefined: it may become any. */
  readonly opens?: string;
}

interface Where {
  /** The agent's program, as of now; undefined where it is not installed. */
  program(): string | undefined;
  /** Its folder, where it says what is open. */
  readonly config: string;
  /** Processes, as of now, whose descendants are no terminals. */
  own(): readonly number[];
  /** Milliseconds that only go on. */
  clock?(): number;
}

/**
 * The terminals of this user whose agent is just starting, without what we have started ourselves. Nothing tells of those but the
 * kernel: an agent says what it has open when it has loaded it, which is when it is too late to begin on the same session
 * elsewhere. None outside of Linux.
 */
export class StartingTerminals {
  readonly #where: Where;
  readonly #processes = new SeenProcesses();

  constructor(where: Where) {
    this.#where = where;
  }

  /**
   * `isThorough`: also what was there before and may have become the agent's program since, as by the shell's `exec`. A prompt waits for
   * this, and what the kernel has in its memory is read sooner than a thread for reading it gets its turn.
   */
  look({ isThorough }: { isThorough: boolean }): StartingTerminal[] | Promise<StartingTerminal[]> {
    const now = this.#where.clock?.() ?? performance.now();
    const seen = this.#processes.look(now);
    // Most looks find nothing that is new.
    if (!isThorough && now - this.#processes.newestSeen >= STARTING_MS) return [];
    const looked: string[] = [];
    for (const [pid, since] of seen) if (isThorough || now - since < STARTING_MS) looked.push(pid);
    return looked.length === 0 ? [] : this.#among(looked);
  }

  close(): void {
    this.#processes.close();
  }

  async #among(pids: readonly string[]): Promise<StartingTerminal[]> {
    const { config } = this.#where;
    const own = this.#where.own();
    const others = pids.filter(pid => !own.includes(Number(pid)));
    const programs = new Map(others.map(pid => [pid, orElse('', () => readlinkSync(`/proc/${pid}/exe`))]));
    // Most of what began a moment ago has ended.
    if (programs.values().every(path => path === '')) return [];
    const program = this.#where.program();
    if (program === undefined) return [];
    const path = orElse(program, () => realpathSync.native(program));
    const running = others.filter(pid => programs.get(pid) === path);
    if (running.length === 0) return [];
    const files = orElse([], () => readdirSync(join(config, 'sessions')));
    const said = new Set(files.map(name => name.split('.')[0] ?? ''));
    const found = running.filter(pid => !said.has(pid)).map(pid => startingAs(pid, config));
    const starting = found.filter(one => one !== undefined);
    if (starting.length === 0) return [];
    // What an agent starts in turn, such as its own search, opens nothing.
    const owners = [...own, ...[...said].map(Number)];
    const owned = await ownAmong(
      starting.map(({ pid }) => pid),
      owners,
    );
    return starting.filter(({ pid }) => !owned.has(pid));
  }
}

function startingAs(pid: string, config: string): StartingTerminal | undefined {
  const read = (name: string) => orElse('', () => readFileSync(`/proc/${pid}/${name}`, 'utf8'));
  const stat = read('stat');
  // The program's own name stands in brackets and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [hasTerminal, startedAt] = [Number(fields[4]) !== 0, Number(fields[19]) / TICKS_PER_SECOND];
  if (!hasTerminal) return undefined;
  const [command, environment] = [read('cmdline'), read('environ')];
  const variables = variablesOf(environment);
  const itsConfig = variables.get('CLAUDE_CONFIG_DIR') ?? join(variables.get('HOME') ?? '/', '.claude');
  const words = command.split('\0').flatMap(word => word.split(/^(--resume)=/).filter(part => part !== ''));
  if (itsConfig !== config || words.some(word => PRINTS.has(word))) return undefined;
  const ageMs = Math.max(0, uptime() - startedAt) * 1000;
  const opens = sessionIn(words);
  // One that names its session may take long before it says so, as when it asks its user something first.
  if (Number.isNaN(ageMs) || (opens === undefined && ageMs > STARTING_MS)) return undefined;
  return { pid: Number(pid), since: Math.round(Date.now() - ageMs), ...(opens !== undefined && { opens }) };
}

function sessionIn(words: readonly string[]): string | undefined {
  const at = words.findIndex(word => RESUMES.has(word));
  const named = at < 0 ? undefined : words[at + 1]?.toLowerCase();
  return named !== undefined && UUID.test(named) ? named : undefined;
}

const variablesOf = (environment: string): Map<string, string> =>
  new Map(
    environment.split('\0').map(line => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
