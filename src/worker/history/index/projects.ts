import type { Database } from 'better-sqlite3';
import { claudeSlug, distinctSlug } from '../identity.ts';

/** Projects by path. A slug, once given, stays with its path. */
export class ProjectWriter {
  readonly #byPath;
  readonly #insert;
  readonly #known = new Map<string, number>();

  constructor(database: Database) {
    this.#byPath = database.prepare<[string], number>('select id from project where path = ?').pluck();
    this.#insert = database.prepare('insert or ignore into project (path, slug) values (?, ?)');
  }

  /** The id of the project at `cwd`, made when there is none. */
  idOf(cwd: string): number {
    const path = cwd.length > 1 ? cwd.replace(/\/+$/, '') : cwd;
    const known = this.#known.get(path) ?? this.#byPath.get(path) ?? this.#make(path);
    this.#known.set(path, known);
    return known;
  }

  /** After a rollback nothing that was made may be believed in. */
  forget(): void {
    this.#known.clear();
  }

  #make(path: string): number {
    const plain = this.#insert.run(path, claudeSlug(path));
    if (plain.changes === 1) return Number(plain.lastInsertRowid);
    return Number(this.#insert.run(path, distinctSlug(path)).lastInsertRowid);
  }
}
