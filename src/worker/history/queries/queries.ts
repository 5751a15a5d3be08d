import type { Database } from 'better-sqlite3';
import { z } from 'zod';
import {
  type HistoryChange,
  type HistoryStatus,
  messagesRequestSchema,
  projectFilterSchema,
  searchRequestSchema,
  sessionFilterSchema,
  usageFilterSchema,
} from '../../../protocol/history.ts';
import { sinceRequestSchema } from '../../../protocol/presence.ts';
import { projectMemory } from '../memory.ts';
import type { HistoryRoots } from '../roots.ts';
import { MessageQueries } from './message-queries.ts';
import { SearchQueries } from './search-queries.ts';
import { SinceQueries } from './since-queries.ts';
import { SessionBook } from './session-book.ts';
import { SessionQueries } from './session-queries.ts';
import { UsageQueries } from './usage-queries.ts';

const memoryRequest = z.object({ slug: z.string(), include: z.enum(['memory', 'all']) });
const pathRequest = z.object({ path: z.string() });
const writtenSchema = z.array(z.object({ session: z.number(), messages: z.array(z.number()) }));

/** All questions by name. Each sees the index as of one moment. */
export class Queries {
  readonly #database: Database;
  readonly #book: SessionBook;
  readonly #answers: Readonly<Record<string, (argument: unknown) => unknown>>;

  constructor(database: Database, roots: HistoryRoots) {
    this.#database = database;
    const book = new SessionBook(database);
    this.#book = book;
    const sessions = new SessionQueries(database, book);
    const messages = new MessageQueries(database, { book, sessions });
    const since = new SinceQueries(database, book);
    const search = new SearchQueries(database, book);
    const usage = new UsageQueries(database, book);
    const slugs = database.prepare<[string], string>('select slug from project where path = ?').pluck();
    const paths = database.prepare<[string], string>('select path from project where slug = ?').pluck();
    this.#answers = {
      projects: argument => sessions.projects(projectFilterSchema.parse(argument)),
      sessions: argument => sessions.sessions(sessionFilterSchema.parse(argument)),
      messages: argument => messages.session(messagesRequestSchema.parse(argument)),
      since: argument => since.since(sinceRequestSchema.parse(argument)),
      search: argument => search.search(searchRequestSchema.parse(argument)),
      usage: argument => usage.usage(usageFilterSchema.parse(argument), Date.now()),
      memory: argument => {
        const { slug, include } = memoryRequest.parse(argument);
        const path = book.projectBySlug(slug)?.path ?? paths.get(slug);
        return path === undefined ? undefined : projectMemory(path, { roots, include });
      },
      changes: argument =>
        writtenSchema.parse(argument).flatMap((written): HistoryChange[] => {
          const session = book.sessions.get(written.session);
          const change = session === undefined ? undefined : messages.change(session, written.messages);
          return change === undefined ? [] : [change];
        }),
      slug: argument => slugs.get(pathRequest.parse(argument).path),
      status: () => this.#status(),
    };
  }

  answer(method: string, argument: unknown): unknown {
    const answer = this.#answers[method];
    if (answer === undefined) throw new Error(`there is no query ${method}`);
    return this.#database.transaction(() => {
      this.#book.refresh();
      return answer(argument);
    })();
  }

  close(): void {
    this.#database.close();
  }

  #status(): Omit<HistoryStatus, 'isCatchingUp'> {
    const row = this.#database
      .prepare<[], { files: number; bytes: number | null; badLines: number | null; unknownLines: number | null }>(
        'select count(*) as files, sum(offset) as bytes, sum(bad) as badLines, sum(unknown) as unknownLines from file',
      )
      .get();
    const messages = [...this.#book.sessions.values()].reduce((sum, session) => sum + session.messages, 0);
    return {
      files: row?.files ?? 0,
      bytes: row?.bytes ?? 0,
      badLines: row?.badLines ?? 0,
      unknownLines: row?.unknownLines ?? 0,
      sessions: this.#book.sessions.size,
      messages,
    };
  }
}
