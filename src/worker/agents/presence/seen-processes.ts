import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { orElse } from './or-else.ts';

/** Numbers of processes come again after some ten thousands, so a list is not taken for a current one for ever. */
const LISTED_MS = 60_000;
/** So many new numbers are looked at one by one; that takes less time than a list of all processes. */
const FEW = 16;
/** The kernel gives a number a moment before the process can be seen. */
const APPEARS_WITHIN_MS = 100;

/**
 * The processes of this machine, and when each was there first. One that has ended may still be among them for a while. None outside of
 * Linux.
 */
export class SeenProcesses {
  readonly #newest = new NewestProcess();
  /** The numbers that the kernel tells are those of the processes that can be listed. */
  readonly #isNumbered = orElse('', () => readlinkSync('/proc/self')) === String(process.pid);
  /** By number. */
  #firstSeen = new Map<string, number>();
  #newestSeen = Number.NEGATIVE_INFINITY;
  /** Numbers that were given and could not be seen yet; since when. */
  #expected = new Map<string, number>();
  #listedAt = Number.NEGATIVE_INFINITY;
  /** The process that had been started last at the last look. */
  #last: number | undefined;

  /** When the last of them was there first. */
  get newestSeen(): number {
    return this.#newestSeen;
  }

  /** Numbers and times of the first look at each; `now`: milliseconds that only go on. */
  look(now: number): ReadonlyMap<string, number> {
    // From before the look: what is started meanwhile is new at the next one.
    const newest = this.#isNumbered ? this.#newest.read() : undefined;
    const begun = newest === undefined || this.#last === undefined ? Number.NaN : newest - this.#last;
    this.#last = newest;
    const isNearby = begun >= 0 && begun + this.#expected.size <= FEW && now - this.#listedAt < LISTED_MS;
    if (newest === undefined || !isNearby) this.#list(now);
    else this.#add({ from: newest - begun + 1, to: newest, now });
    return this.#firstSeen;
  }

  close(): void {
    this.#newest.close();
  }

  #list(now: number): void {
    const pids = orElse([], () => readdirSync('/proc')).filter(name => /^\d+$/.test(name));
    const known = this.#firstSeen;
    this.#firstSeen = new Map(pids.map(pid => [pid, known.get(pid) ?? now]));
    if (pids.some(pid => !known.has(pid))) this.#newestSeen = now;
    this.#expected = new Map();
    this.#listedAt = now;
  }

  #add({ from, to, now }: { from: number; to: number; now: number }): void {
    for (let number = from; number <= to; number += 1) this.#expected.set(String(number), now);
    for (const [pid, since] of this.#expected) {
      const leader = leaderOf(pid);
      // Threads have numbers as well.
      if (leader === pid) {
        this.#firstSeen.set(pid, now);
        this.#newestSeen = now;
      }
      if (leader !== undefined || now - since > APPEARS_WITHIN_MS) this.#expected.delete(pid);
    }
  }
}

/** The process of a thread, or the process itself; undefined when it is not there. */
const leaderOf = (pid: string): string | undefined =>
  /^Tgid:\s*(\d+)$/m.exec(orElse('', () => readFileSync(`/proc/${pid}/status`, 'utf8')))?.[1];

/** The process or thread that was started last, by its number; numbers are given in turn. */
class NewestProcess {
  /** Open for as long as it is asked again and again, which takes half as long so. */
  readonly #file = orElse(undefined, () => openSync('/proc/loadavg', 'r'));
  readonly #text = Buffer.alloc(128);

  /** Undefined where that is not told. */
  read(): number | undefined {
    const file = this.#file;
    const length = file === undefined ? 0 : orElse(0, () => readSync(file, this.#text, 0, this.#text.length, 0));
    const text = this.#text.toString('latin1', 0, length);
    const number = Number(text.slice(text.lastIndexOf(' ')));
    return Number.isInteger(number) && number > 0 ? number : undefined;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
