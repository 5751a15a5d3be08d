import type { Database } from 'better-sqlite3';
import type { HistoryAgent } from '../../../protocol/history.ts';
import { documentsOf } from '../documents.ts';
import { type FoundMessage, type SessionFacts, type SessionSink, titleRanks } from '../found.ts';
import { sessionUid } from '../identity.ts';
import { UsageWriter } from './families.ts';
import { ProjectWriter } from './projects.ts';
import { META, PLACES, RESULT, SIDECHAIN } from './schema.ts';

interface SessionRow {
  id: number;
  project: number | null;
  title: string;
  title_rank: number;
  cwd: string;
  created_at: number;
  updated_at: number;
  model: string | null;
  permission_mode: string | null;
  forked_from: string | null;
  messages: number;
  places: number;
}

/** A session while something is being read into it. */
interface OpenSession extends SessionRow {
  readonly agent: HistoryAgent;
  readonly agentId: string;
  readonly sink: SessionSink;
  readonly changed: Set<number>;
  tree: string[];
  isChanged: boolean;
}

/** What a flush has written: a session's id and the ids of its messages that are new or different. */
export interface WrittenSession {
  readonly session: number;
  readonly messages: readonly number[];
}

const UNTITLED = -1;

/** Writes sessions and their messages. Everything between two flushes belongs into one transaction, which its user makes. */
export class SessionWriter {
  readonly #open = new Map<string, OpenSession>();
  readonly #usage: UsageWriter;
  readonly #projects: ProjectWriter;
  readonly #find;
  readonly #insert;
  readonly #startFamily;
  readonly #update;
  readonly #insertMessage;
  readonly #findMessage;
  readonly #updateMessage;
  readonly #insertDocument;
  readonly #deleteDocument;
  readonly #insertTree;
  readonly #insertRelink;
  readonly #relatives;
  #revision: number;

  constructor(database: Database) {
    this.#usage = new UsageWriter(database);
    this.#projects = new ProjectWriter(database);
    const columns =
      'id, project, title, title_rank, cwd, created_at, updated_at, model, permission_mode, forked_from, messages, places';
    this.#find = database.prepare<[string, string], SessionRow>(
      `select ${columns} from session where agent = ? and agent_id = ?`,
    );
    this.#insert = database.prepare(
      `insert into session (uid, agent, agent_id, file, title, title_rank, cwd, created_at, updated_at, family, messages, places, revision)
       values (?, ?, ?, ?, '', ${UNTITLED}, '', 0, 0, 0, 0, 0, 0)`,
    );
    this.#startFamily = database.prepare('update session set family = id where id = ?');
    this.#update = database.prepare(
      `update session set project = @project, title = @title, title_rank = @title_rank, cwd = @cwd, created_at = @created_at,
       updated_at = @updated_at, model = @model, permission_mode = @permission_mode, forked_from = @forked_from,
       messages = @messages, places = @places, revision = @revision where id = @id`,
    );
    this.#insertMessage = database.prepare(
      'insert or ignore into message values (@id, @session, @uid, @parent, @role, @flags, @time, @model, @answer, @parts)',
    );
    this.#findMessage = database.prepare<[number, string], { id: number; parts: string }>(
      'select id, parts from message where session = ? and uid = ?',
    );
    this.#updateMessage = database.prepare(
      'update message set parts = @parts, model = coalesce(@model, model), answer = coalesce(@answer, answer) where id = @id',
    );
    this.#insertDocument = database.prepare('insert into document (rowid, user, assistant, tool) values (?, ?, ?, ?)');
    this.#deleteDocument = database.prepare('delete from document where rowid = ?');
    this.#insertTree = database.prepare('insert or replace into tree values (?, ?, ?)');
    this.#insertRelink = database.prepare('insert or replace into relink values (?, ?, ?)');
    this.#relatives = database
      .prepare<[{ agent: HistoryAgent; id: string; origin: string | null }], number>(
        `select id from session where agent = @agent and forked_from = @id
         union all select id from session where agent = @agent and agent_id = @origin`,
      )
      .pluck();
    this.#revision = database.prepare<[], number>('select coalesce(max(revision), 0) from session').pluck().get() ?? 0;
  }

  /** The sink of a session, which is made when it is not known. `file`: the one that it is read from. */
  open(agent: HistoryAgent, { agentId, file }: { agentId: string; file: number }): SessionSink {
    const key = `${agent}:${agentId}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known.sink;
    let row = this.#find.get(agent, agentId);
    if (row === undefined) {
      const { lastInsertRowid } = this.#insert.run(sessionUid(agent, agentId), agent, agentId, file);
      this.#startFamily.run(lastInsertRowid);
      row = this.#find.get(agent, agentId);
    }
    if (row === undefined) throw new Error('a session that was just written is not there');
    const session: OpenSession = {
      ...row,
      agent,
      agentId,
      changed: new Set(),
      tree: [],
      isChanged: row.title_rank === UNTITLED && row.places === 0,
      sink: {
        facts: (facts, source) =>
          this.#facts(session, { facts, rank: source === undefined ? undefined : titleRanks[source] }),
        message: message => this.#message(session, message, true),
        messageIfAbsent: message => this.#message(session, message, false),
        treeEntry: ({ uid, parent, isLeafless }) => {
          const place = this.#nextPlace(session);
          if (place !== undefined) session.tree.push(`${place} ${isLeafless ? '-' : '+'} ${uid} ${parent ?? ''}`);
        },
        relink: change => {
          const place = this.#nextPlace(session);
          if (place !== undefined) this.#insertRelink.run(session.id, place, JSON.stringify(change));
        },
        call: call => {
          session.isChanged = true;
          this.#usage.call(session, call);
        },
        total: total => {
          session.isChanged = true;
          this.#usage.total(session.id, { total, time: session.updated_at });
        },
      },
    };
    this.#open.set(key, session);
    return session.sink;
  }

  project(path: string): void {
    this.#projects.idOf(path);
  }

  /** Writes what is still in memory, ends all sinks and tells what changed. */
  flush(): WrittenSession[] {
    const written: WrittenSession[] = [];
    for (const session of this.#open.values()) {
      if (session.tree.length > 0) this.#insertTree.run(session.id, session.places, session.tree.join('\n'));
      if (!session.isChanged && session.tree.length === 0) continue;
      this.#revision++;
      this.#update.run({
        id: session.id,
        project: session.project,
        title: session.title,
        title_rank: session.title_rank,
        cwd: session.cwd,
        created_at: session.created_at,
        updated_at: session.updated_at,
        model: session.model,
        permission_mode: session.permission_mode,
        forked_from: session.forked_from,
        messages: session.messages,
        places: session.places,
        revision: this.#revision,
      });
      const { agent, agentId: id, forked_from: origin } = session;
      for (const relative of this.#relatives.all({ agent, id, origin })) this.#usage.join(relative, session.id);
      if (session.isChanged) written.push({ session: session.id, messages: [...session.changed] });
    }
    this.#open.clear();
    return written;
  }

  /** After a rollback: forgets what was not written. */
  abandon(): void {
    this.#open.clear();
    this.#projects.forget();
  }

  #facts(session: OpenSession, { facts, rank }: { facts: SessionFacts; rank: number | undefined }): void {
    const { cwd, title } = facts;
    const before = { ...session };
    if (cwd !== undefined && cwd !== '' && session.cwd === '') {
      session.cwd = cwd;
      session.project = this.#projects.idOf(cwd);
    }
    if (facts.createdAt !== undefined && session.created_at === 0) {
      session.created_at = facts.createdAt;
      session.updated_at = Math.max(session.updated_at, facts.createdAt);
    }
    if (title !== undefined && title !== '' && rank !== undefined && rank >= session.title_rank) {
      session.title = title;
      session.title_rank = rank;
    }
    session.model = facts.model ?? session.model;
    session.permission_mode = facts.permissionMode ?? session.permission_mode;
    session.forked_from = session.forked_from ?? facts.forkedFrom ?? null;
    session.isChanged ||=
      before.cwd !== session.cwd ||
      before.created_at !== session.created_at ||
      before.title !== session.title ||
      before.model !== session.model ||
      before.permission_mode !== session.permission_mode ||
      before.forked_from !== session.forked_from;
  }

  #message(session: OpenSession, message: FoundMessage, mayReplace: boolean): void {
    const place = this.#nextPlace(session);
    if (place === undefined) return;
    const parts = JSON.stringify(message.parts);
    const id = session.id * PLACES + place;
    const isOfMain = message.isSidechain !== true && message.isMeta !== true;
    const row = {
      id,
      session: session.id,
      uid: message.uid,
      parent: message.parent,
      role: message.role,
      flags: flagsOf(message),
      time: message.time,
      model: message.model ?? null,
      answer: message.answer ?? null,
      parts,
    };
    if (this.#insertMessage.run(row).changes === 1) {
      if (isOfMain) session.messages++;
      if (message.isMeta !== true) session.updated_at = Math.max(session.updated_at, message.time);
      this.#index(id, message);
    } else {
      session.places--;
      const old = this.#findMessage.get(session.id, message.uid);
      if (old === undefined || !mayReplace || old.parts === parts) return;
      this.#updateMessage.run({ ...row, id: old.id });
      this.#deleteDocument.run(old.id);
      this.#index(old.id, message);
      session.changed.add(old.id);
    }
    session.isChanged = true;
    if (session.created_at === 0) session.created_at = message.time;
    session.changed.add(id);
  }

  #index(id: number, message: FoundMessage): void {
    if (message.isMeta === true) return;
    const { said, tools } = documentsOf(message.parts);
    if (said === '' && tools === '') return;
    const isUser = message.role === 'user';
    this.#insertDocument.run(id, isUser ? said : '', isUser ? '' : said, tools);
  }

  /** Undefined for a session that has more entries than ids have room for; what comes then is not taken. */
  #nextPlace(session: OpenSession): number | undefined {
    if (session.places >= PLACES - 1) return undefined;
    session.places++;
    return session.places;
  }
}

function flagsOf({ isSidechain, isMeta, parts }: FoundMessage): number {
  const hasResult = parts.some(part => part.type === 'tool_result');
  return (isSidechain === true ? SIDECHAIN : 0) | (isMeta === true ? META : 0) | (hasResult ? RESULT : 0);
}
