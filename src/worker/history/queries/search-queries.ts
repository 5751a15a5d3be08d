import type { Database } from 'better-sqlite3';
import type { SearchHit, SearchPage, SearchRequest } from '../../../protocol/history.ts';
import { documentsOf } from '../documents.ts';
import { PLACES } from '../index/schema.ts';
import { inOrder, pageOf, type Place, placeOf } from './cursors.ts';
import { type SearchExpression, searchExpression } from './search-expression.ts';
import type { BookedSession, SessionBook } from './session-book.ts';
import { findTerms, snippetAt } from './snippet.ts';
import { shownId, type StoredMessage, storedParts } from './stored.ts';
import { whoseOf } from './whose.ts';

/** So many of a session's matches, the newest, are looked at for the best one. */
const CANDIDATES = 12;
/** Of a word that occurs more often, only so many places are looked at, the newest, and then so many more. */
const MANY = 3000;
const MAX_LOOKS = 3;
/** Sessions that are asked one by one at most. */
const MAX_ASKED = 20;
type HitRole = 'user' | 'assistant' | 'tool';

interface Match {
  readonly rank: number;
  readonly key: string;
  readonly session: BookedSession;
  /** Ids of messages, falling. */
  readonly ids: readonly number[];
}

interface Search {
  readonly request: SearchRequest;
  readonly expression: SearchExpression;
  readonly match: string;
  readonly isWanted: (session: BookedSession) => boolean;
}

/** Full-text search: one result for each session. */
export class SearchQueries {
  readonly #book: SessionBook;
  readonly #newest;
  readonly #before;
  readonly #all;
  readonly #within;
  readonly #message;
  readonly #timeOf;

  constructor(database: Database, book: SessionBook) {
    this.#book = book;
    const ids = 'select rowid from document where document match ?';
    this.#newest = database.prepare<[string], number>(`${ids} order by rowid desc limit ${MANY + 1}`).pluck();
    this.#before = database
      .prepare<[string, number], number>(`${ids} and rowid < ? order by rowid desc limit ${MANY}`)
      .pluck();
    this.#all = database.prepare<[string], number>(`${ids} order by rowid desc`).pluck();
    this.#within = database
      .prepare<[string, number, number], number>(`${ids} and rowid between ? and ? order by rowid desc`)
      .pluck();
    this.#message = database.prepare<[number], StoredMessage>('select * from message where id = ?');
    this.#timeOf = database.prepare<[number], number>('select time from message where id = ?').pluck();
  }

  /**
   * With `sort: relevance`, a word that occurs in thousands of messages is judged by the newest of them.
   */
  search(request: SearchRequest): SearchPage {
    const { query, role, sort = 'recent', limit, cursor } = request;
    const expression = searchExpression(query);
    if (expression === undefined) return { results: [], nextCursor: null };
    const match = role === undefined ? expression.match : `{${role}} : (${expression.match})`;
    const search = { request, expression, match, isWanted: whoseOf(request) };
    const newest = this.#newest.all(match);
    const isRecent = sort === 'recent';
    const found =
      newest.length > MANY && isRecent
        ? (this.#byRecency(search, newest) ?? this.#grouped(this.#all.all(match), search))
        : this.#grouped(newest, search);
    const { page, nextCursor } = pageOf(found, { limit, cursor });
    return { results: page.flatMap(one => this.#hit(one, search) ?? []), nextCursor };
  }

  /**
   * The page of a word that occurs very often. Ids rise with time, so its newest places are in the newest sessions, except where an
   * old session went on: those are asked one by one. Undefined when this takes more than looking at all places.
   */
  #byRecency(search: Search, newest: readonly number[]): Match[] | undefined {
    const { request, match } = search;
    const after = request.cursor === undefined ? undefined : placeOf(request.cursor);
    const isAfter = (place: Place): boolean => after === undefined || inOrder(after, place) < 0;
    let ids = newest;
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const lowest = sessionOf(ids.at(-1));
      // The places of the last session may go on behind it.
      const whole = ids.filter(id => sessionOf(id) !== lowest);
      const found = this.#grouped(whole, search).filter(isAfter).sort(inOrder);
      const last = found[request.limit];
      if (last !== undefined) {
        const older = this.#writtenAfter(last, { below: lowest, search }).filter(isAfter);
        if (older.length > MAX_ASKED) return undefined;
        const asked = older.flatMap(session => this.#grouped(this.#within.all(match, ...rangeOf(session)), search));
        return [...found, ...asked];
      }
      const next = this.#before.all(match, ids.at(-1) ?? 0);
      if (next.length === 0) return undefined;
      ids = [...ids, ...next];
    }
    return undefined;
  }

  /** Sessions with ids up to `below` that come before a place in the list all the same. */
  #writtenAfter(place: Place, { below, search }: { below: number; search: Search }): (Place & BookedSession)[] {
    const sessions: (Place & BookedSession)[] = [];
    for (const session of this.#book.byRecency()) {
      const candidate = { ...session, rank: session.updatedAt, key: session.uid };
      if (inOrder(candidate, place) >= 0) break;
      if (session.id <= below && fits(session, search)) sessions.push(candidate);
    }
    return sessions;
  }

  #grouped(ids: readonly number[], search: Search): Match[] {
    const { request } = search;
    const isRecent = (request.sort ?? 'recent') === 'recent';
    const found: Match[] = [];
    // Ids of one session stand together.
    for (let start = 0; start < ids.length; ) {
      const id = sessionOf(ids[start]);
      let end = start + 1;
      while (end < ids.length && sessionOf(ids[end]) === id) end++;
      const session = this.#book.sessions.get(id);
      if (session !== undefined && fits(session, search)) {
        const own = this.#inTime(ids.slice(start, end), { session, request });
        const rank = isRecent ? session.updatedAt : relevanceOf(session, own.length);
        if (own.length > 0) found.push({ rank, key: session.uid, session, ids: own });
      }
      start = end;
    }
    return found;
  }

  #inTime(
    ids: readonly number[],
    { session, request }: { session: BookedSession; request: SearchRequest },
  ): readonly number[] {
    return isInside(session, request) ? ids : ids.filter(id => isInTime(this.#timeOf.get(id) ?? 0, request));
  }

  /** The session's best message. */
  #hit({ session, rank, ids }: Match, { expression, request }: Search): SearchHit | undefined {
    let best: (Described & { message: StoredMessage }) | undefined;
    for (const id of ids.slice(0, CANDIDATES)) {
      const message = this.#message.get(id);
      const described = message && describe(message, { expression, role: request.role });
      if (message === undefined || described === undefined) continue;
      if (best === undefined || described.score > best.score) best = { ...described, message };
    }
    if (best === undefined) return undefined;
    return {
      sessionId: session.uid,
      slug: session.project.slug,
      title: session.title || 'Untitled',
      cwd: session.cwd,
      snippet: best.snippet,
      updatedAt: session.updatedAt,
      mtimeMs: Math.floor(session.mtime),
      messageId: shownId(best.message),
      role: best.role,
      matches: ids.length,
      agent: session.agent,
      agentSessionId: session.agentId,
      rank,
    };
  }
}

const sessionOf = (id: number | undefined): number => Math.floor((id ?? 0) / PLACES);
const rangeOf = ({ id }: BookedSession): [number, number] => [id * PLACES, (id + 1) * PLACES - 1];

function fits(session: BookedSession, { request, isWanted }: Search): boolean {
  const { slug, agent, since, until } = request;
  return (
    isWanted(session) &&
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
