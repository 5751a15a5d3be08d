import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Coarser than the clock of any file system: what changed longer ago than this has changed before it was listed, and not since. */
const TICK_MS = 1_000;

/**
 * Where Claude Code keeps files for each session that is open, whose names and times are all that is looked at: what stands in them is
 * its own affair. A prompt waits for this: the files are few, and waiting for a thread that reads them would take longer than reading.
 */
export class SessionFolder {
  readonly #path: string;
  #listed: { readonly names: readonly string[]; readonly changedAt: number; readonly isSettled: boolean } | undefined;

  /** `config`: the folder in which the agent keeps all that is its own. */
  constructor(config: string) {
    this.#path = join(config, 'sessions');
  }

  /**
   * A text that changes whenever a session is opened, closed, or begins or ends a turn. Files begin with the number of their process;
   * those of `own` processes are left out, so that our own turns are no signs.
   */
  signs(own: readonly number[]): string {
    const names = this.#names().filter(name => !own.includes(Number.parseInt(name, 10)));
    const looks = names.map(name => {
      const stats = statSync(join(this.#path, name), { throwIfNoEntry: false });
      return `${name} ${stats?.mtimeMs} ${stats?.size}`;
    });
    return looks.join('\n');
  }

  /** In their order; none where there is no such folder, or it cannot be read. */
  #names(): readonly string[] {
    try {
      const changedAt = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs;
      if (changedAt === undefined) return [];
      const listed = this.#listed;
      if (listed?.isSettled && listed.changedAt === changedAt) return listed.names;
      const isSettled = Date.now() - changedAt > TICK_MS;
      this.#listed = { names: readdirSync(this.#path).sort(), changedAt, isSettled };
      return this.#listed.names;
    } catch {
      return [];
    }
  }
}
