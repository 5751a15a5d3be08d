import type { Database } from 'better-sqlite3';
import type { SearchHit, SearchPage, SearchRequest } from '../../../protocol/history.ts';
import { documentsOf } from '../documents.ts';
import { PLACES } from '../index/schema.ts';
import { pageOf } from './cursors.ts';
import { type SearchExpression, searchExpression } from './search-expression.ts';
import type { BookedSession, SessionBook } from './session-book.ts';
import { findTerms, snippetAt } from './snippet.ts';
import { type StoredMessage, storedParts } from './stored.ts';

/** So many of a session's matches, the newest, are looked at for the best one. */
const CANDIDATES = 12;
const roles = { user: 'user', assistant: 'assistant', tool: 'tool' } as const;
type HitRole = keyof typeof roles;

interface Match {
  readonly rank: number;
  readonly key: string;
  readonly session: BookedSession;
  readonly matches: number;
}

interface Group {
  readonly session: number;
  readonly matches: number;
}

/** Full-text search: one result for each session. */
export class SearchQueries {
  readonly #book: SessionBook;
  readonly #groups;
  readonly #within;
  readonly #message;
  readonly #inTime;

  constructor(database: Database, book: SessionBook) {
    this.#book = book;
    this.#groups = database.prepare<[string], Group>(
      `select rowid / ${PLACES} as session, count(*) as matches from document where document match ? group by 1`,
    );
    this.#within = database
      .prepare<[string, number, number], number>(
        'select rowid from document where document match ? and rowid between ? and ? order by rowid desc',
      )
      .pluck();
    this.#message = database.prepare<[number], StoredMessage>('select * from message where id = ?');
    this.#inTime = database
      .prepare<[string, number, number], number>(
        'select count(*) from message where id in (select value from json_each(?)) and time between ? and ?',
      )
      .pluck();
  }

  search(request: SearchRequest): SearchPage {
    const { query, role, sort = 'recent', limit, cursor } = request;
    const expression = searchExpression(query);
    if (expression === undefined) return { results: [], nextCursor: null };
    const match = role === undefined ? expression.match : `{${roles[role]}} : (${expression.match})`;
    const found: Match[] = [];
    for (const { session: id, matches } of this.#groups.iterate(match)) {
      const session = this.#book.sessions.get(id);
      if (session === undefined || !fits(session, request)) continue;
      const counted = isInside(session, request) ? matches : this.#countInTime(match, { session, request });
      if (counted === 0) continue;
      const rank = sort === 'recent' ? session.updatedAt : relevanceOf(session, counted);
      found.push({ rank, key: session.uid, session, matches: counted });
    }
    const { page, nextCursor } = pageOf(found, { limit, cursor });
    const results = page.flatMap(one => this.#hit(one, { match, expression, request }) ?? []);
    return { results, nextCursor };
  }

  #countInTime(match: string, { session, request }: { session: BookedSession; request: SearchRequest }): number {
    const ids = this.#within.all(match, ...rangeOf(session));
    return this.#inTime.get(JSON.stringify(ids), request.since ?? 0, request.until ?? Number.MAX_SAFE_INTEGER) ?? 0;
  }

  /** The session's best message. */
  #hit(
    { session, rank, matches }: Match,
    { match, expression, request }: { match: string; expression: SearchExpression; request: SearchRequest },
  ): SearchHit | undefined {
    let best: (Described & { message: StoredMessage }) | undefined;
    let looked = 0;
    for (const id of this.#within.iterate(match, ...rangeOf(session))) {
      const message = this.#message.get(id);
      if (message === undefined || !isInTime(message.time, request)) continue;
      const described = describe(message, { expression, role: request.role });
      if (described !== undefined && (best === undefined || described.score > best.score))
        best = { ...described, message };
      looked++;
      if (looked === CANDIDATES) break;
    }
    if (best === undefined) return undefined;
    return {
      sessionId: session.uid,
      slug: session.project.slug,
      title: session.title,
      cwd: session.cwd,
      snippet: best.snippet,
      updatedAt: session.updatedAt,
      mtimeMs: Math.floor(session.mtime),
      messageId: best.message.uid,
      role: best.role,
      matches,
      agent: session.agent,
      rank,
    };
  }
}

const rangeOf = ({ id }: BookedSession): [number, number] => [id * PLACES, (id + 1) * PLACES - 1];

function fits(session: BookedSession, { slug, agent, since, until }: SearchRequest): boolean {
  return (
    (slug === undefined || session.project.slug === slug) &&
    (agent === undefined || session.agent === agent) &&
    (since === undefined || session.updatedAt >= since) &&
    (until === undefined || session.createdAt <= until)
  );
}

/** All of the session lies between the two times, so that none of its messages need be asked. */
const isInside = ({ createdAt, updatedAt }: BookedSession, { since, until }: SearchRequest): boolean =>
  (since === undefined || createdAt >= since) && (until === undefined || updatedAt <= until);

const isInTime = (time: number, { since, until }: SearchRequest): boolean =>
  (since === undefined || time >= since) && (until === undefined || time <= until);

/** Sessions that speak of it much, for their length, come first. */
const relevanceOf = ({ messages }: BookedSession, matches: number): number =>
  Math.round((1e6 * matches) / (Math.sqrt(messages) + 1));

interface Described {
  readonly role: HitRole;
  readonly snippet: string;
  readonly score: number;
}

/** What was said says more than what tools put out; short texts say more than long ones. */
function describe(
  message: StoredMessage,
  { expression, role: wanted }: { expression: SearchExpression; role: HitRole | undefined },
): Described | undefined {
  const { said, tools } = documentsOf(storedParts(message.parts));
  const texts: { role: HitRole; text: string }[] = [
    { role: message.role === 'user' ? 'user' : 'assistant', text: said },
    { role: 'tool', text: tools },
  ];
  let best: Described | undefined;
  for (const { role, text } of texts) {
    if (text === '' || (wanted !== undefined && wanted !== role)) continue;
    const found = findTerms(text, expression.terms);
    const score =
      (found?.terms ?? 0) * 10 + (found?.count ?? 0) - Math.log2(text.length + 2) / 2 + (role === 'tool' ? 0 : 3);
    if (best === undefined || score > best.score) best = { role, snippet: snippetAt(text, found?.at ?? 0), score };
  }
  return best;
}
