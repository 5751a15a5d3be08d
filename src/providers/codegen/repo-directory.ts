import type { CodegenClient, CodegenRepo } from './codegen-client.ts';

interface Kept {
  readonly at: number;
  readonly repos: Promise<readonly CodegenRepo[]>;
}

const KEPT_MS = 600_000;
const PAGE = 100;
const NEAR = 5;

/** The repositories of an organization: all of them are read at once, and kept for ten minutes. */
export class RepoDirectory {
  readonly #list: CodegenClient['listRepos'];
  readonly #now: () => number;
  #kept: Kept | undefined;

  constructor({
    list,
    now = () => performance.now(),
  }: { list: CodegenClient['listRepos']; now?: (() => number) | undefined }) {
    this.#list = list;
    this.#now = now;
  }

  /** Names are compared in any case. */
  async find(fullName: string, signal: AbortSignal): Promise<{ repo?: CodegenRepo; near: readonly string[] }> {
    const repos = await this.#all(signal);
    const wanted = fullName.trim().toLowerCase();
    const repo = repos.find(candidate => candidate.fullName.toLowerCase() === wanted);
    return repo ? { repo, near: [] } : { near: nearest(wanted, repos) };
  }

  /** Callers who ask at the same time wait for one reading, which ends only with its own failure. */
  async #all(signal: AbortSignal): Promise<readonly CodegenRepo[]> {
    const kept = this.#kept;
    if (kept && this.#now() - kept.at < KEPT_MS) return await abortable(kept.repos, signal);
    const repos = this.#read();
    const made = { at: this.#now(), repos };
    this.#kept = made;
    // A failure is told to those who wait, and forgotten.
    repos.catch(() => {
      if (this.#kept === made) this.#kept = undefined;
    });
    return await abortable(repos, signal);
  }

  async #read(): Promise<readonly CodegenRepo[]> {
    const found: CodegenRepo[] = [];
    const signal = new AbortController().signal;
    for (;;) {
      const { items, total } = await this.#list({ skip: found.length, limit: PAGE }, { signal });
      found.push(...items);
      if (items.length === 0 || found.length >= total) return found;
    }
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abandon = () => reject(signal.reason);
    signal.addEventListener('abort', abandon, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}

/** The names a caller may have meant: the fewest letters to change, counting the owner's as little as a repository of the same name. */
function nearest(wanted: string, repos: readonly CodegenRepo[]): string[] {
  const bare = nameOf(wanted);
  return repos
    .map(({ fullName }) => {
      const name = fullName.toLowerCase();
      return { fullName, distance: Math.min(editDistance(wanted, name), editDistance(bare, nameOf(name)) + 1) };
    })
    .filter(({ distance }) => distance <= Math.max(3, wanted.length / 2))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NEAR)
    .map(({ fullName }) => fullName);
}

const nameOf = (fullName: string): string => fullName.slice(fullName.lastIndexOf('/') + 1);

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const same = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(same, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
