import type { Database } from 'better-sqlite3';
import type { SinceRequest, WrittenMessage, WrittenSince } from '../../../protocol/presence.ts';
import type { Part } from '../../../protocol/sessions.ts';
import { META, PLACES, RESULT, SIDECHAIN } from '../index/schema.ts';
import { Answers } from './answers.ts';
import type { BookedSession, SessionBook } from './session-book.ts';
import { shownMessage, type StoredMessage, storedParts, type ToolEnd } from './stored.ts';

/** What is shown of a part. */
const PART_CHARS = 100_000;
/** Calls of tools stand soon before their results. */
const CALLS_BEFORE = 200;
/** What Claude Code writes where a user broke a turn off. */
const INTERRUPTED = '[Request interrupted by user';

/** What came into a session's transcript, in the order of writing: for whoever follows it. */
export class SinceQueries {
  readonly #book: SessionBook;
  readonly #placeOf;
  readonly #after;
  readonly #before;
  readonly #newest;
  readonly #becomes;
  readonly #answers;
  readonly #firstSince;

  constructor(database: Database, book: SessionBook) {
    this.#book = book;
    this.#answers = new Answers(database);
    this.#placeOf = database
      .prepare<[number, string], number>('select id from message where session = ? and uid = ?')
      .pluck();
    this.#after = database.prepare<[number, number, number], StoredMessage>(
      'select * from message where id > ? and id < ? order by id limit ?',
    );
    this.#before = database.prepare<[number, number, number], StoredMessage>(
      'select * from message where id > ? and id < ? order by id desc limit ?',
    );
    this.#newest = database.prepare<[number, number], StoredMessage>(
      'select * from message where id > ? and id < ? order by id desc',
    );
    this.#firstSince = database
      .prepare<[number, number, number], number>(
        'select id from message where id > ? and id < ? and time >= ? order by id limit 1',
      )
      .pluck();
    this.#becomes = database
      .prepare<[number, number, string], number>(
        `select 1 from message where id > ? and id < ? and role = 'user' and answer = ? limit 1`,
      )
      .pluck();
  }

  /** Undefined for an unknown session. */
  since({ id, after, notBefore, limit }: SinceRequest): WrittenSince | undefined {
    const session = this.#book.find(id);
    if (session === undefined) return undefined;
    const [begin, end] = [session.id * PLACES, (session.id + 1) * PLACES];
    const known = after === null ? undefined : this.#placeOf.get(session.id, after);
    const from = known ?? this.#beginning({ begin, end, notBefore });
    const rows = this.#after.all(from, end, limit + 1);
    const page = rows.slice(0, limit);
    const fresh = page.filter(
      row => isOfConversation(row) && row.time >= (notBefore ?? 0) && !this.#wasToldOf(row, begin),
    );
    return {
      written: fresh.map(row => this.#written(session, { row, page })),
      after: page.at(-1)?.uid ?? (known === undefined ? (this.#newest.get(begin, end)?.uid ?? null) : after),
      hasMore: rows.length > limit,
    };
  }

  /** A prompt that was typed during a turn stands there already, and has become a message of its own. */
  #wasToldOf({ role, uid, id }: StoredMessage, begin: number): boolean {
    return role === 'user' && this.#becomes.get(begin, id, uid) !== undefined;
  }

  #written(
    { uid: sessionId }: BookedSession,
    { row, page }: { row: StoredMessage; page: readonly StoredMessage[] },
  ): WrittenMessage {
    const show = (stored: StoredMessage, endOf: (call: string) => ToolEnd) =>
      shownMessage(stored, {
        ...{ sessionId, maxPartChars: PART_CHARS, isSidechain: false, endOf },
        earlierParts: this.#answers.earlierParts(stored),
      });
    const message = show(row, () => ({ state: 'running' }));
    const isMore = this.#answers.earlierParts(row) > 0;
    const ends = new Map(
      storedParts(row.parts).flatMap((part): [string, ToolEnd][] =>
        part.type === 'tool_result'
          ? [[part.call, { state: part.isError === true ? 'error' : 'completed', resultText: part.content }]]
          : [],
      ),
    );
    if (ends.size === 0) return { message, isMore, settled: [] };
    const first = page[0]?.id ?? row.id;
    const earlier = [
      ...page.filter(({ id }) => id < row.id),
      ...this.#before.all(first - (first % PLACES), first, CALLS_BEFORE),
    ].filter(({ role }) => role === 'assistant');
    const settled = earlier.flatMap(stored =>
      show(stored, call => ends.get(call) ?? { state: 'running' }).parts.filter(part => isEnded(part, ends)),
    );
    return { message, isMore, settled };
  }

  /** Just before what is wanted of a session that was not read before. */
  #beginning({ begin, end, notBefore }: { begin: number; end: number; notBefore: number | null }): number {
    if (notBefore !== null) return (this.#firstSince.get(begin, end, notBefore) ?? end) - 1;
    for (const row of this.#newest.iterate(begin, end)) if (isPrompt(row)) return row.id - 1;
    return begin;
  }
}

const isOfConversation = ({ role, flags }: StoredMessage): boolean =>
  role !== 'system' && (flags & (META | SIDECHAIN)) === 0;

const isPrompt = (row: StoredMessage): boolean =>
  row.role === 'user' && isOfConversation(row) && (row.flags & RESULT) === 0 && !isInterruption(row);

const isInterruption = ({ parts }: StoredMessage): boolean =>
  storedParts(parts).some(part => part.type === 'text' && part.text.startsWith(INTERRUPTED));

const isEnded = (part: Part, ends: ReadonlyMap<string, ToolEnd>): boolean =>
  part.type === 'tool_use' && ends.has(part.id);
