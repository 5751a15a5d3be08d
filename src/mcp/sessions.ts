import { randomUUID } from 'node:crypto';
import {
  type AuthInfo,
  type RequestId,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import type { Connection } from '../operations/operation.ts';
import { jsonRpcError } from './body.ts';
import { openedAs, openingOf } from './session-opening.ts';
import { whenRead } from './watched-response.ts';

export interface SessionRequest {
  readonly request: Request;
  readonly authInfo: AuthInfo;
  readonly caller: Caller;
  /** The JSON of a POST; it was read already. */
  readonly parsedBody?: unknown;
}

export interface SessionsOptions {
  /** Where sessions are written down, for every hub to find. */
  readonly records: Hub['clientSessions'];
  readonly log: Log;
  /** A session without a request for so long ends. */
  readonly idleMs: number;
  /** Of those, so many are held ready here; the others are opened again when they are used. */
  readonly maxSessions: number;
  /** A caller that opens more loses the one that was idle longest. */
  readonly maxPerCaller: number;
  serve(opening: SessionRequest, connection: Connection): Server;
  /** The session is there: what polls on its connection remember begins. */
  begun(connection: Connection): Promise<void>;
  /** Tells the other hubs that it ended. */
  tell(id: string): void;
  /** The session ended: what belongs to its connection goes with it. */
  ended(connection: Connection, caller: Pick<Caller, 'id'>): Promise<void>;
}

interface Session {
  readonly id: string;
  readonly callerId: string;
  readonly connection: Connection;
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** Requests whose answer is not complete, the GET stream among them. */
  open: number;
  usedAt: number;
  /** When its record was there for certain. */
  seenAt: number;
}

/** Between two writings of which sessions were used, and two looks whether another hub has ended one. */
const LOOK_MS = 5_000;

const notFound = (): Response => jsonRpcError(404, -32001, 'Session not found');
const tooMany = (): Response => jsonRpcError(503, -32000, 'Too many sessions: end one with DELETE, or try again later');

/**
 * The sessions of the legacy era: those that `initialize` opened over HTTP. Each belongs to the caller that opened it. A session is a
 * record that every hub finds: a hub that gets a request of one it does not know opens it in the way in which it was opened first.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  /** In order of last use: the first has been idle longest. */
  readonly #ready = new Map<string, Session>();
  /** Being opened again; requests that come at once share it. */
  readonly #resuming = new Map<string, Promise<Session | 'full' | undefined>>();
  readonly #used = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#tidy(), Math.min(LOOK_MS, options.idleMs / 2));
    this.#timer.unref();
  }

  /** Those that this hub holds ready. */
  get size(): number {
    return this.#ready.size;
  }

  /** Answers `initialize` with a new session. */
  async open(opening: SessionRequest): Promise<Response> {
    const { records, maxPerCaller } = this.#options;
    const stored = openingOf(opening);
    if (!stored) return jsonRpcError(400, -32600, 'Invalid Request: the initialize request is too large');
    if (!this.#hasRoom()) return tooMany();
    const session = await this.#connect({ id: randomUUID(), connection: { id: randomUUID() } }, opening);
    const response = await this.#handle(session, opening);
    if (session.transport.sessionId === undefined) {
      await this.forget(session.id);
      return response;
    }
    // First, so that it is known which of the caller's own has been idle longest.
    await this.#write();
    const { id, callerId: caller, connection } = session;
    const beyond = await records.insert({ id, caller, connection: connection.id, opening: stored }, { maxPerCaller });
    await Promise.all([this.#options.begun(connection), ...beyond.map(record => this.#ended(record))]);
    return response;
  }

  /** A request that names a session. A foreign session answers like one that never was. */
  async handle(request: SessionRequest): Promise<Response> {
    const id = request.request.headers.get('mcp-session-id') ?? '';
    const session = await this.#find(id, request);
    if (session === 'full') return tooMany();
    if (session?.callerId !== request.caller.id) return notFound();
    this.#ready.delete(id);
    this.#ready.set(id, session);
    this.#used.add(id);
    const response = await this.#handle(session, request);
    if (request.request.method === 'DELETE' && response.ok) {
      const { callerId: caller, connection } = session;
      await this.#options.records.end(id);
      await this.#ended({ id, caller, connection: connection.id });
    }
    return response;
  }

  /** A request of this session is cancelled by a message that came to another hub. */
  cancel(id: string, { callerId, request }: { callerId: string; request: RequestId }): void {
    const session = this.#ready.get(id);
    if (session?.callerId !== callerId) return;
    const params = { requestId: request, reason: 'the client cancelled the request' };
    session.transport.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  }

  /** Another hub has ended it, or has to open it again. */
  async forget(id: string): Promise<void> {
    const session = this.#ready.get(id);
    this.#ready.delete(id);
    this.#used.delete(id);
    await session?.server.close();
  }

  /** Lets go of all: other hubs go on with them, and so does this one when it is back. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#guarded(() => this.#write());
    await Promise.all([...this.#ready.keys()].map(id => this.forget(id)));
  }

  async #find(id: string, request: SessionRequest): Promise<Session | 'full' | undefined> {
    const session = this.#ready.get(id);
    if (!session) {
      const resuming = this.#resuming.get(id) ?? this.#resume(id, request).finally(() => this.#resuming.delete(id));
      this.#resuming.set(id, resuming);
      return await resuming;
    }
    if (performance.now() - session.seenAt < LOOK_MS) return session;
    if (await this.#options.records.get(id)) {
      session.seenAt = performance.now();
      return session;
    }
    await this.forget(id);
    return undefined;
  }

  async #resume(id: string, request: SessionRequest): Promise<Session | 'full' | undefined> {
    const record = await this.#options.records.get(id);
    if (record?.caller !== request.caller.id) return undefined;
    if (!this.#hasRoom()) return 'full';
    const opening = openedAs(record.opening, request);
    const session = await this.#connect({ id, connection: { id: record.connection } }, opening);
    const response = await this.#handle(session, opening);
    await response.text();
    return session;
  }

  async #connect(known: Pick<Session, 'id' | 'connection'>, opening: SessionRequest): Promise<Session> {
    const server = this.#options.serve(opening, known.connection);
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => known.id });
    await server.connect(transport);
    const now = performance.now();
    const session = { ...known, callerId: opening.caller.id, server, transport, open: 0, usedAt: now, seenAt: now };
    this.#ready.set(known.id, session);
    return session;
  }

  async #handle(session: Session, { request, authInfo, parsedBody }: SessionRequest): Promise<Response> {
    session.open++;
    const settle = (): void => {
      session.open--;
      session.usedAt = performance.now();
      this.#used.add(session.id);
    };
    try {
      const response = await session.transport.handleRequest(request, { authInfo, parsedBody });
      return whenRead(response, { done: settle, isQuiet: request.method === 'GET' });
    } catch (error) {
      settle();
      throw error;
    }
  }

  async #ended({ id, caller, connection }: Ended): Promise<void> {
    await this.forget(id);
    this.#options.tell(id);
    await this.#options.ended({ id: connection }, { id: caller });
  }

  /** Of those that are held ready the longest idle one makes room: its next request finds the record. */
  #hasRoom(): boolean {
    if (this.#ready.size < this.#options.maxSessions) return true;
    const longestIdle = [...this.#ready.values()].find(session => session.open === 0);
    if (longestIdle) void this.forget(longestIdle.id);
    return longestIdle !== undefined;
  }

  /** Tells all hubs by the records which sessions were used here. */
  async #write(): Promise<void> {
    for (const { id, open } of this.#ready.values()) if (open > 0) this.#used.add(id);
    const used = [...this.#used];
    this.#used.clear();
    await this.#options.records.touch(used);
  }

  /** Ends the sessions that no hub has had a request of for the idle time. */
  async #tidy(): Promise<void> {
    const { records, idleMs } = this.#options;
    await this.#guarded(async () => {
      await this.#write();
      // What another hub has not written yet must not end a session.
      const unused = await records.endUnused((idleMs + LOOK_MS) / 1000);
      await Promise.all(unused.map(record => this.#ended(record)));
    });
    for (const { id, open, usedAt } of this.#ready.values())
      if (open === 0 && performance.now() - usedAt > idleMs) await this.forget(id);
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the use of sessions was not written');
    }
  }
}

type Ended = { readonly id: string; readonly caller: string; readonly connection: string };
