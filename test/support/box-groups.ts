import { existsSync, type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const RECORD = /^(box_\w+)\.json/;

/**
 * Every box that is made in a data directory from now on, by the records that the engine writes before it makes anything else of
 * a box; and what is left of those that have no record any more.
 */
export class BoxGroups {
  readonly #folder: string;
  readonly #seen = new Set<string>();
  readonly #watcher: FSWatcher;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#watcher = watch(folder, { persistent: false }, (_event, name) => {
      const id = RECORD.exec(name ?? '')?.[1];
      if (id !== undefined) this.#seen.add(id);
    });
  }

  /** `directory`: of the server. */
  static async of(directory: string): Promise<BoxGroups> {
    const folder = join(directory, 'workspaces', 'boxes');
    await mkdir(folder, { recursive: true, mode: 0o711 });
    return new BoxGroups(folder);
  }

  get count(): number {
    return this.#seen.size;
  }

  /** Control groups of boxes that were made and have no record: nothing will ever remove them. */
  async left(): Promise<string[]> {
    const folders = await groupFolders();
    const left = [...this.#seen].flatMap(id =>
      folders.map(folder => join(folder, id)).filter(path => existsSync(path)),
    );
    if (left.length === 0) return [];
    // Read last: a group goes before its record does.
    const recorded = new Set((await readdir(this.#folder)).map(name => RECORD.exec(name)?.[1]));
    return left.filter(path => existsSync(path) && !recorded.has(path.slice(path.lastIndexOf('/') + 1)));
  }

  /** Boxes that are there, or are to be cleared away by the next server. */
  async recorded(): Promise<string[]> {
    return (await readdir(this.#folder)).filter(name => RECORD.test(name));
  }

  close(): void {
    this.#watcher.close();
  }
}

/** Where servers that this process starts keep the groups of their boxes: one hierarchy, or one for each controller. */
async function groupFolders(): Promise<string[]> {
  const own = await readFile('/proc/self/cgroup', 'utf8');
  return own.split('\n').flatMap(line => {
    const [, names, path] = line.split(':');
    if (names === undefined || path === undefined) return [];
    return names === ''
      ? [join('/sys/fs/cgroup', path, 'boxswain')]
      : names.split(',').map(name => join('/sys/fs/cgroup', name, path, 'boxswain'));
  });
}
