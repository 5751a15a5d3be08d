import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiDocument, type Matched } from '../api-document.ts';
import { serveLocally } from '../local-server.ts';
import { type Answer, answerTo, kindOf, notFound } from './answers.ts';
import { RequestRecord, type SeenRequest } from './requests.ts';
import { FakeRuns } from './runs.ts';
import { type Trouble, Troubles } from './troubles.ts';

export interface FakeCodegenOptions {
  readonly token?: string;
  readonly orgId?: number;
  /** What it takes beside `token`: limits of its clients go by token, so that another one begins anew. */
  readonly accepts?: (token: string) => boolean;
  /** Where logs are: on the alpha path, on the one without `/alpha`, or on both. */
  readonly logPaths?: readonly ('alpha' | 'plain')[];
  /** What it serves of all kinds; the rest is answered with 429 and `Retry-After`. */
  readonly limit?: { readonly requests: number; readonly perMs: number };
}

/** A service that keeps to `api/codegen.openapi.json`, and holds its callers to it. */
export interface FakeCodegen {
  readonly origin: string;
  readonly token: string;
  readonly orgId: string;
  readonly runs: FakeRuns;
  readonly requests: RequestRecord;
  readonly troubles: Troubles;
  /** What deviated from the document, on either side, unless it was a trouble. */
  readonly violations: readonly string[];
  /** Fails when anything deviated from the document. */
  close(): Promise<void>;
}

export async function startFakeCodegen(options: FakeCodegenOptions = {}): Promise<FakeCodegen> {
  const { token = 'sk-fake-0123456789abcdef', orgId = 323, logPaths = ['alpha'], limit, accepts } = options;
  const document = await ApiDocument.read('codegen.openapi.json');
  const runs = new FakeRuns(orgId);
  const requests = new RequestRecord();
  const troubles = new Troubles();
  const violations: string[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = performance.now();
    const method = request.method ?? '';
    const url = new URL(request.url ?? '/', 'http://fake');
    const kind = kindOf(method, url.pathname);
    const chunks = await request.toArray();
    const text = Buffer.concat(chunks).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const seen = requests.add({ kind, at, body });
    // The path without `/alpha` is not described; what it is asked and answers is the same.
    const pathname = kind === 'getLogsOldPath' ? url.pathname.replace('/v1/', '/v1/alpha/') : url.pathname;
    const matched = document.match(method, pathname);
    violations.push(
      ...(matched ? document.requestProblems(matched, { method, url, body }) : [`${method} ${pathname}`]),
    );
    const isTooMuch = limit !== undefined && requests.within(limit.perMs, at) > limit.requests;
    const trouble = isTooMuch ? tooMany(limit.perMs) : troubles.take(kind);
    await trouble.until;
    if (trouble.delayMs !== undefined) await delay(trouble.delayMs);
    if (trouble.hangs) return;
    if (trouble.cuts === 'before') return void response.destroy();
    if (trouble.status !== undefined || trouble.body !== undefined) return sendTrouble(response, { trouble, seen });
    const answer = matched ? answerOf({ matched, url, body, seen }, request) : notFound;
    if (trouble.cuts === 'after') return void response.destroy();
    const told = trouble.lie ? { ...answer, body: trouble.lie(answer.body) } : answer;
    if (matched && !trouble.lie) violations.push(...document.answerProblems(matched, told));
    send(response, { ...told, seen });
  }

  function answerOf(
    { matched, url, body, seen }: { matched: Matched; url: URL; body: unknown; seen: SeenRequest },
    request: IncomingMessage,
  ): Answer {
    const shown = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const isKnown = shown === token || accepts?.(shown) === true;
    if (!isKnown || (matched.parameters.org_id ?? `${orgId}`) !== `${orgId}`)
      return { status: 403, body: { message: 'You do not have access to this organization.', status_code: 403 } };
    const isGone =
      (seen.kind === 'getLogs' && !logPaths.includes('alpha')) ||
      (seen.kind === 'getLogsOldPath' && !logPaths.includes('plain'));
    return isGone ? notFound : answerTo({ kind: seen.kind, parameters: matched.parameters, url, body }, runs);
  }

  const server = await serveLocally((request, response) => {
    serve(request, response).catch(error => {
      violations.push(`the fake failed: ${String(error)}`);
      response.destroy();
    });
  });
  let closing: Promise<void> | undefined;
  return {
    origin: server.origin,
    token,
    orgId: String(orgId),
    runs,
    requests,
    troubles,
    violations,
    async close() {
      closing ??= server.close();
      await closing;
      assert.deepEqual(violations, []);
    },
  };
}

const tooMany = (perMs: number): Trouble => ({
  status: 429,
  headers: { 'retry-after': String(Math.ceil(perMs / 1000)) },
  body: { message: 'Rate limit exceeded. Please try again later.', status_code: 429 },
});

function send(response: ServerResponse, { status, body, seen }: Answer & { seen: SeenRequest }): void {
  seen.status = status;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendTrouble(response: ServerResponse, { trouble, seen }: { trouble: Trouble; seen: SeenRequest }): void {
  const { status = 200, body, headers } = trouble;
  seen.status = status;
  const isPage = typeof body === 'string';
  response.writeHead(status, { 'content-type': isPage ? 'text/html' : 'application/json', ...headers });
  response.end(isPage ? body : JSON.stringify(body ?? { message: `status ${status}`, status_code: status }));
}
