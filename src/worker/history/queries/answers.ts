import type { Database } from 'better-sqlite3';
import type { Message } from '../../../protocol/sessions.ts';
import { shownId, type StoredMessage, storedParts } from './stored.ts';

/** Messages between the first and the last piece of one answer, at most. */
const NEAR = 200;

/** Claude Code writes each part of an answer as a message of its own. To callers an answer is one message. */
export class Answers {
  readonly #near;

  constructor(database: Database) {
    this.#near = database.prepare<[number, number, string], StoredMessage>(
      `select * from message where id > ? and id < ? and role = 'assistant' and answer = ? order by id`,
    );
  }

  /** How many parts of its answer stand before a message. */
  earlierParts({ id, session, role, answer }: StoredMessage): number {
    if (role !== 'assistant' || answer === null) return 0;
    const earlier = this.#near.all(id - NEAR, id, answer).filter(row => row.session === session);
    return earlier.reduce((sum, { parts }) => sum + storedParts(parts).length, 0);
  }

  /** The message, and where it is a piece of an answer all that there is of it. */
  whole(row: StoredMessage): StoredMessage[] {
    if (row.role !== 'assistant' || row.answer === null) return [row];
    return this.#near.all(row.id - NEAR, row.id + NEAR, row.answer).filter(({ session }) => session === row.session);
  }
}

/** The pieces of each answer together, where its first one stands. */
export function inAnswers<Row extends Pick<StoredMessage, 'uid' | 'role' | 'answer'>>(rows: readonly Row[]): Row[][] {
  const byId = new Map<string, Row[]>();
  for (const row of rows) {
    const known = byId.get(shownId(row));
    if (known === undefined) byId.set(shownId(row), [row]);
    else known.push(row);
  }
  return [...byId.values()];
}

/** The pieces of one answer as one message. */
export function joined(messages: readonly Message[]): Message[] {
  const byId = new Map<string, Message>();
  for (const message of messages) {
    const known = byId.get(message.id);
    byId.set(message.id, known === undefined ? message : { ...known, parts: [...known.parts, ...message.parts] });
  }
  return [...byId.values()];
}
