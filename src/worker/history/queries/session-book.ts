import type { Database } from 'better-sqlite3';
import type { HistoryAgent } from '../../../protocol/history.ts';

export interface BookedProject {
  readonly id: number;
  readonly path: string;
  readonly slug: string;
}

export interface BookedSession {
  readonly id: number;
  readonly uid: string;
  readonly agent: HistoryAgent;
  readonly agentId: string;
  readonly project: BookedProject;
  readonly title: string;
  readonly cwd: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly mtime: number;
  readonly model: string | null;
  readonly permissionMode: string | null;
  readonly forkedFrom: string | null;
  readonly family: number;
  readonly messages: number;
}

interface Row extends Omit<BookedSession, 'project'> {
  readonly project: number | null;
  readonly revision: number;
}

/** All sessions in memory, kept current by reading only those that changed: lists and searches go through all of them. */
export class SessionBook {
  readonly sessions = new Map<number, BookedSession>();
  readonly #projects = new Map<number, BookedProject>();
  readonly #bySlug = new Map<string, BookedProject>();
  readonly #byName = new Map<string, BookedSession>();
  readonly #database: Database;
  readonly #changed;
  readonly #projectOf;
  readonly #removalsNow;
  #sorted: BookedSession[] | undefined;
  #version: unknown;
  #revision = -1;
  #removals = 0;

  constructor(database: Database) {
    this.#database = database;
    this.#changed = database.prepare<[number], Row>(
      `select s.id, s.uid, s.agent, s.agent_id as agentId, s.project, s.title, s.cwd, s.created_at as createdAt,
         s.updated_at as updatedAt, coalesce(f.mtime, s.updated_at) as mtime, s.model, s.permission_mode as permissionMode,
         s.forked_from as forkedFrom, s.family, s.messages, s.revision
       from session s left join file f on f.id = s.file where s.revision > ? order by s.revision`,
    );
    this.#projectOf = database.prepare<[number], BookedProject>('select id, path, slug from project where id = ?');
    this.#removalsNow = database.prepare<[], number>(`select value from meta where key = 'removals'`).pluck();
  }

  /** Reads what changed. To be called inside the transaction of a query, so that all of it sees one moment. */
  refresh(): void {
    const version = this.#database.pragma('data_version', { simple: true });
    if (version === this.#version) return;
    const removals = this.#removalsNow.get() ?? 0;
    if (removals !== this.#removals) {
      this.sessions.clear();
      this.#byName.clear();
      this.#revision = -1;
      this.#removals = removals;
    }
    for (const row of this.#changed.iterate(this.#revision)) {
      this.#revision = row.revision;
      this.#add(row);
    }
    this.#sorted = undefined;
    this.#version = version;
  }

  /** All sessions, the last written first. */
  byRecency(): readonly BookedSession[] {
    this.#sorted ??= [...this.sessions.values()].sort((a, b) => b.updatedAt - a.updatedAt || (a.uid < b.uid ? 1 : -1));
    return this.#sorted;
  }

  /** By our id or the agent's. */
  find(name: string): BookedSession | undefined {
    return this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
  }

  projectBySlug(slug: string): BookedProject | undefined {
    return this.#bySlug.get(slug);
  }

  /** A session without messages, or of which no directory is known yet, is not one for callers. */
  #add(row: Row): void {
    if (row.project === null || row.messages === 0) return;
    const project = this.#projects.get(row.project) ?? this.#projectOf.get(row.project);
    if (project === undefined) return;
    this.#projects.set(project.id, project);
    this.#bySlug.set(project.slug, project);
    const session = { ...row, project };
    this.sessions.set(row.id, session);
    this.#byName.set(row.uid, session);
    this.#byName.set(row.agentId, session);
  }
}
