import { randomUUID } from 'node:crypto';
import { type AuthInfo, type Server, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import type { Connection } from '../operations/operation.ts';
import { jsonRpcError } from './body.ts';

export interface SessionRequest {
  readonly request: Request;
  readonly authInfo: AuthInfo;
  readonly caller: Caller;
  /** The JSON of a POST; it was read already. */
  readonly parsedBody?: unknown;
}

export interface SessionsOptions {
  /** A session without a request for so long ends. */
  readonly idleMs: number;
  readonly maxSessions: number;
  /** A caller that opens more loses the one that was idle longest. */
  readonly maxPerCaller: number;
  serve(opening: SessionRequest, connection: Connection): Server;
  /** The session ended: what belongs to its connection goes with it. */
  ended(connection: Connection): Promise<void>;
}

interface Session {
  readonly id: string;
  readonly callerId: string;
  readonly connection: Connection;
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** Requests whose answer is not complete, the GET stream among them. */
  open: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/** The sessions of the legacy era: those that `initialize` opened over HTTP. Each belongs to the caller that opened it. */
export class Sessions {
  readonly #options: SessionsOptions;
  /** In order of last use: the first has been idle longest. */
  readonly #sessions = new Map<string, Session>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Answers `initialize` with a new session. */
  async open(opening: SessionRequest): Promise<Response> {
    const refusal = await this.#makeRoom(opening.caller);
    if (refusal) return refusal;
    const connection = { id: randomUUID() };
    const server = this.#options.serve(opening, connection);
    const id = randomUUID();
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    await server.connect(transport);
    const session: Session = {
      id,
      callerId: opening.caller.id,
      connection,
      server,
      transport,
      open: 0,
      idleTimer: undefined,
    };
    this.#sessions.set(id, session);
    const response = await this.#handle(session, opening);
    if (transport.sessionId === undefined) await this.#end(session);
    return response;
  }

  /** A request that names a session. A foreign session answers like one that never was. */
  async handle(request: SessionRequest): Promise<Response> {
    const session = this.#sessions.get(request.request.headers.get('mcp-session-id') ?? '');
    if (session?.callerId !== request.caller.id) return jsonRpcError(404, -32001, 'Session not found');
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
    const response = await this.#handle(session, request);
    if (request.request.method === 'DELETE' && response.ok) await this.#end(session);
    return response;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(session => this.#end(session)));
  }

  async #handle(session: Session, { request, authInfo, parsedBody }: SessionRequest): Promise<Response> {
    session.open++;
    clearTimeout(session.idleTimer);
    const settle = (): void => {
      session.open--;
      if (session.open === 0) this.#waitForIdle(session);
    };
    try {
      const response = await session.transport.handleRequest(request, { authInfo, parsedBody });
      return whenRead(response, { done: settle, isQuiet: request.method === 'GET' });
    } catch (error) {
      settle();
      throw error;
    }
  }

  #waitForIdle(session: Session): void {
    clearTimeout(session.idleTimer);
    if (this.#sessions.get(session.id) !== session) return;
    session.idleTimer = setTimeout(() => void this.#end(session), this.#options.idleMs);
    session.idleTimer.unref();
  }

  async #end(session: Session): Promise<void> {
    if (!this.#sessions.delete(session.id)) return;
    clearTimeout(session.idleTimer);
    await session.server.close();
    await this.#options.ended(session.connection);
  }

  async #makeRoom(caller: Caller): Promise<Response | undefined> {
    const own = [...this.#sessions.values()].filter(session => session.callerId === caller.id);
    if (own.length < this.#options.maxPerCaller && this.#sessions.size < this.#options.maxSessions) return undefined;
    const longestIdle = own.find(session => session.open === 0);
    if (!longestIdle) return jsonRpcError(503, -32000, 'Too many sessions: end one with DELETE, or try again later');
    await this.#end(longestIdle);
    return undefined;
  }
}

interface Reading {
  /** Called once, when the body was read to the end or given up. */
  done(): void;
  /** The body may have nothing to say for long; headers go out with the first bytes, so a comment goes first. */
  isQuiet: boolean;
}

/** The same response, watched while it is read. */
function whenRead(response: Response, { done, isQuiet }: Reading): Response {
  if (response.body === null) {
    done();
    return response;
  }
  const reader = response.body.getReader();
  let isDone = false;
  const finish = (): void => {
    if (!isDone) done();
    isDone = true;
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (isQuiet && response.ok) controller.enqueue(new TextEncoder().encode(': connected\n\n'));
    },
    async pull(controller) {
      try {
        const { done: isEnd, value } = await reader.read();
        if (!isEnd) return controller.enqueue(value);
        finish();
        controller.close();
      } catch (error) {
        finish();
        controller.error(error);
      }
    },
    cancel(reason) {
      finish();
      return reader.cancel(reason);
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}
