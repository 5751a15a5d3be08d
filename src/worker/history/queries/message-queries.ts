import type { Database } from 'better-sqlite3';
import { AppError } from '../../../errors/app-error.ts';
import type { HistoryChange, MessagesRequest, SessionMessages } from '../../../protocol/history.ts';
import type { Message } from '../../../protocol/sessions.ts';
import { META, PLACES, RESULT, SIDECHAIN } from '../index/schema.ts';
import { Answers, inAnswers, joined } from './answers.ts';
import { mainChain, type TreeEntry, type TreeMessage } from './main-chain.ts';
import type { BookedSession, SessionBook } from './session-book.ts';
import type { SessionQueries } from './session-queries.ts';
import { shownId, shownMessage, type StoredMessage, storedParts, storedRelink, type ToolEnd } from './stored.ts';

/** Results of tools stand soon after their calls; those of a page are looked for this many messages behind it. */
const RESULTS_BEHIND = 50;
/** What a change shows of a part. */
const CHANGE_PART_CHARS = 100_000;

interface LightRow extends TreeMessage {
  readonly parent: string | null;
}

/** The messages of a session. */
export class MessageQueries {
  readonly #book: SessionBook;
  readonly #sessions: SessionQueries;
  readonly #light;
  readonly #tree;
  readonly #relinks;
  readonly #message;
  readonly #answers;

  constructor(database: Database, { book, sessions }: { book: SessionBook; sessions: SessionQueries }) {
    this.#book = book;
    this.#sessions = sessions;
    this.#answers = new Answers(database);
    this.#light = database.prepare<[number, number], LightRow>(
      'select id, uid, parent, role, flags, time, answer from message where id > ? and id < ? order by id',
    );
    this.#tree = database
      .prepare<[number], string>('select entries from tree where session = ? order by place')
      .pluck();
    this.#relinks = database
      .prepare<[number], string>('select change from relink where session = ? order by place')
      .pluck();
    this.#message = database.prepare<[number], StoredMessage>('select * from message where id = ?');
  }

  /**
   * The last messages of a session, or those before one of them; undefined for an unknown one. Throws VALIDATION_ERROR when `before`
   * is none of its messages.
   */
  session({ id, limit, before, maxPartChars, include = 'main' }: MessagesRequest): SessionMessages | undefined {
    const session = this.#book.find(id);
    if (session === undefined) return undefined;
    const all = inAnswers(include === 'main' ? this.#main(session) : this.#all(session));
    const isBefore = (row: TreeMessage) => row.uid === before || shownId(row) === before;
    const end = before === undefined ? all.length : all.findIndex(rows => rows.some(isBefore));
    if (end === -1) throw new AppError('VALIDATION_ERROR', 'before is no message of this session');
    const start = Math.max(0, end - limit);
    const messages = this.#shown(session, { all, start, end, maxPartChars });
    const [shown] = this.#sessions.shown([session]);
    if (shown === undefined) return undefined;
    return { session: shown, messages, hasMore: start > 0, before: start > 0 ? (messages[0]?.id ?? null) : null };
  }

  /** Messages that were written just now; undefined for a session that callers do not see (yet). */
  change(session: BookedSession, messages: readonly number[]): HistoryChange | undefined {
    const [shown] = this.#sessions.shown([session]);
    const written = messages.flatMap(id => this.#message.get(id) ?? []).filter(({ flags }) => (flags & META) === 0);
    const rows = inAnswers(written).flatMap(([first]) => (first === undefined ? [] : this.#answers.whole(first)));
    return (
      shown && {
        session: shown,
        messages: this.#show(session, { rows, maxPartChars: CHANGE_PART_CHARS, isOver: false }),
      }
    );
  }

  #rows({ id }: BookedSession): LightRow[] {
    return this.#light.all(id * PLACES, (id + 1) * PLACES);
  }

  #all(session: BookedSession): TreeMessage[] {
    return this.#rows(session).filter(({ flags }) => (flags & META) === 0);
  }

  #main(session: BookedSession): TreeMessage[] {
    const entries = this.#rows(session).map(
      (row): TreeEntry => ({
        uid: row.uid,
        parent: row.parent,
        place: row.id % PLACES,
        isLeafless: (row.flags & SIDECHAIN) !== 0,
        message: row,
      }),
    );
    for (const bundle of this.#tree.all(session.id)) {
      for (const line of bundle.split('\n')) {
        const [place, mark, uid, parent] = line.split(' ');
        if (uid === undefined) continue;
        entries.push({ uid, parent: parent || null, place: Number(place), isLeafless: mark === '-' });
      }
    }
    const relinks = this.#relinks.all(session.id).map(storedRelink);
    const partsOf = ({ id }: TreeMessage) => storedParts(this.#message.get(id)?.parts ?? '[]');
    return mainChain(
      entries.sort((a, b) => a.place - b.place),
      { relinks, partsOf },
    );
  }

  #shown(
    session: BookedSession,
    {
      all,
      start,
      end,
      maxPartChars,
    }: { all: readonly (readonly TreeMessage[])[]; start: number; end: number; maxPartChars: number },
  ): Message[] {
    const rows = all
      .slice(start, end)
      .flat()
      .flatMap(({ id }) => this.#message.get(id) ?? []);
    const behind = all
      .slice(end, end + RESULTS_BEHIND)
      .flat()
      .filter(({ flags }) => (flags & RESULT) !== 0)
      .flatMap(({ id }) => this.#message.get(id) ?? []);
    const isOver = all
      .slice(start)
      .flat()
      .some(({ role, flags }) => role === 'user' && (flags & RESULT) === 0);
    return this.#show(session, { rows, behind, maxPartChars, isOver });
  }

  #show(
    session: BookedSession,
    {
      rows,
      behind = [],
      maxPartChars,
      isOver,
    }: { rows: readonly StoredMessage[]; behind?: readonly StoredMessage[]; maxPartChars: number; isOver: boolean },
  ): Message[] {
    const ends = new Map<string, ToolEnd>();
    let lastPrompt = -1;
    for (const row of [...rows, ...behind]) {
      if (row.role === 'user' && (row.flags & RESULT) === 0) lastPrompt = Math.max(lastPrompt, row.id);
      if ((row.flags & RESULT) === 0) continue;
      for (const part of storedParts(row.parts)) {
        if (part.type !== 'tool_result') continue;
        ends.set(part.call, { state: part.isError === true ? 'error' : 'completed', resultText: part.content });
      }
    }
    const shown = rows.map(row =>
      shownMessage(row, {
        earlierParts: this.#answers.earlierParts(row),
        sessionId: session.uid,
        maxPartChars,
        isSidechain: (row.flags & SIDECHAIN) !== 0,
        // A call that another prompt followed and that never ended was broken off.
        endOf: call => ends.get(call) ?? { state: isOver && row.id < lastPrompt ? 'error' : 'running' },
      }),
    );
    return joined(shown);
  }
}
