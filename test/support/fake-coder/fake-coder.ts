import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiDocument } from '../api-document.ts';
import type { Trouble } from '../fake-codegen/troubles.ts';
import { serveLocally } from '../local-server.ts';
import { chatRoutes } from './chats.ts';
import { asServersWrite } from './dialect.ts';
import { FakeFleet } from './fleet.ts';
import { type Answer, type Generation, type Handler, noRoute } from './routes.ts';
import { taskRoutes } from './tasks.ts';
import { workspaceRoutes } from './workspaces.ts';

const routes: Readonly<Record<string, Handler>> = { ...taskRoutes, ...chatRoutes, ...workspaceRoutes };

/** What was asked: method and path of the API document, such as `post /api/v2/tasks/{user}`; `other` for what it does not know. */
export interface SeenRequest {
  readonly route: string;
  readonly pathname: string;
  readonly at: number;
  readonly body: unknown;
  status?: number;
}

export interface FakeCoderOptions {
  readonly generation?: Partial<Generation>;
  readonly token?: string;
  /** How what may be missing is written: as the document says, or as servers do, which write null. */
  readonly dialect?: 'document' | 'servers';
  /** Whether callers and answers are held to the document; default: yes. */
  readonly isChecked?: boolean;
}

/** A Coder server that keeps to `api/coder.swagger.json`, and holds its callers to it. */
export interface FakeCoder {
  readonly origin: string;
  readonly token: string;
  readonly fleet: FakeFleet;
  readonly requests: readonly SeenRequest[];
  /** What deviated from the document, on either side, unless it was a trouble. */
  readonly violations: readonly string[];
  /** Requests of this route, or those that change something, or all. */
  count(route?: string): number;
  changes(): SeenRequest[];
  /** The next requests of this route go wrong. */
  next(route: string, trouble: Trouble, times?: number): void;
  /** All requests from now on go wrong; without an argument none. */
  always(trouble?: Trouble): void;
  /** There are no agents, and nobody has asked for anything. */
  clear(): void;
  /** Is of another generation from now on. */
  upgrade(generation: Generation): void;
  /** Fails when anything deviated from the document. */
  close(): Promise<void>;
}

export async function startFakeCoder(options: FakeCoderOptions = {}): Promise<FakeCoder> {
  const { token = 'coder-fake-0123456789', dialect = 'document', isChecked = true } = options;
  let generation: Generation = { tasks: 'v2', chats: null, ...options.generation };
  const document = await ApiDocument.read('coder.swagger.json');
  const fleet = new FakeFleet();
  const requests: SeenRequest[] = [];
  const violations: string[] = [];
  const troubles = new Map<string, Trouble[]>();
  let lasting: Trouble = {};

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? '';
    const url = new URL(request.url ?? '/', 'http://fake');
    const text = Buffer.concat(await request.toArray()).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const described = describedPath(url.pathname, generation);
    const matched = document.match(method, described.path);
    const route = matched ? `${matched.method} ${matched.path}` : 'other';
    const seen: SeenRequest = { route, pathname: url.pathname, at: performance.now(), body };
    requests.push(seen);
    if (matched && isChecked) violations.push(...document.requestProblems(matched, { method, url, body }));
    else if (!matched) violations.push(`${method} ${url.pathname} is not in the document`);
    const trouble = troubles.get(route)?.shift() ?? lasting;
    if (trouble.delayMs !== undefined) await delay(trouble.delayMs);
    if (trouble.hangs) return;
    if (trouble.cuts === 'before') return void response.destroy();
    if (trouble.status !== undefined || trouble.body !== undefined) return sendTrouble(response, trouble, seen);
    const answer = answerOf();
    await trouble.answersAfter;
    if (trouble.cuts === 'after') return void response.destroy();
    // Refusals are not described, but for their shape.
    if (matched && isChecked && answer.status < 300)
      violations.push(...document.answerProblems(matched, { body: undefined, ...answer }));
    const told = dialect === 'servers' ? asServersWrite(answer.body) : answer.body;
    send(response, { status: answer.status, body: trouble.lie ? trouble.lie(told) : told }, seen);

    function answerOf(): Answer {
      if (request.headers['coder-session-token'] !== token)
        return { status: 401, body: { message: 'You are signed out or your session has expired.' } };
      const handler = routes[route];
      if (!matched || !described.isServed || !handler) return noRoute;
      return handler({ fleet, parameters: matched.parameters, url, body, generation });
    }
  }

  const server = await serveLocally((request, response) => {
    serve(request, response).catch(error => {
      violations.push(`the fake failed: ${String(error)}`);
      response.destroy();
    });
  });
  const changes = () => requests.filter(({ route }) => !route.startsWith('get ') && route !== 'other');
  return {
    origin: server.origin,
    token,
    fleet,
    requests,
    violations,
    changes,
    count: route => requests.filter(each => route === undefined || each.route === route).length,
    next(route, trouble, times = 1) {
      assert.ok(routes[route], `no such route: ${route}`);
      troubles.set(route, [...(troubles.get(route) ?? []), ...Array.from({ length: times }, () => trouble)]);
    },
    always(trouble = {}) {
      lasting = trouble;
    },
    clear() {
      for (const kept of [fleet.tasks, fleet.chats, requests]) kept.length = 0;
    },
    upgrade(next) {
      generation = next;
    },
    async close() {
      await server.close();
      assert.deepEqual(violations, []);
    },
  };
}

/** The document tells of one generation of tasks and of chats; the others have the same shapes elsewhere. */
function describedPath(pathname: string, generation: Generation): { path: string; isServed: boolean } {
  const [, version, collection] = /^\/api\/(v2|experimental)\/(tasks|chats)(?=\/|$)/.exec(pathname) ?? [];
  if (collection !== 'tasks' && collection !== 'chats') return { path: pathname, isServed: true };
  const described = collection === 'tasks' ? 'v2' : 'experimental';
  const path = pathname.replace(`/api/${version}/`, `/api/${described}/`);
  return { path, isServed: generation[collection] === version };
}

function send(response: ServerResponse, { status, body }: Answer, seen: SeenRequest): void {
  seen.status = status;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function sendTrouble(response: ServerResponse, { status = 200, body, headers }: Trouble, seen: SeenRequest): void {
  seen.status = status;
  const isPage = typeof body === 'string';
  response.writeHead(status, { 'content-type': isPage ? 'text/html' : 'application/json', ...headers });
  response.end(isPage ? body : JSON.stringify(body ?? { message: `status ${status}` }));
}
