import { type ClientRequest, type IncomingMessage, request as startRequest, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { hostText } from '../../../protocol/host-rules.ts';
import { type Hall, leave, NoPassage, type OpenConnection, passTo, refuse } from './passage.ts';
import { absoluteTarget, shownText } from './target.ts';

const MAX_HEADERS = 100;
/** They belong to one connection, not to the message (RFC 9110 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Carries a request in absolute form (`GET http://host/path`) to its host, on a connection of its own. */
export async function forward(near: IncomingMessage, reply: ServerResponse, hall: Hall): Promise<void> {
  reply.shouldKeepAlive = false;
  try {
    const asked = absoluteTarget(near.url ?? '');
    if (asked === undefined) {
      throw refuse(
        { host: shownText(near.url ?? ''), port: 0 },
        'is not an absolute http URL (https needs CONNECT)',
        hall,
      );
    }
    const problem = headProblem(near);
    if (problem !== undefined) throw new NoPassage(400, problem);
    const connection = await passTo(asked.target, hall);
    exchange(near, { reply, connection, path: asked.path, hall });
  } catch (error) {
    if (!(error instanceof NoPassage)) throw error;
    answer(reply, error);
  }
}

/** A head that two readers could read differently. Node's parser refuses most of these; none may depend on it alone. */
function headProblem({ rawHeaders, headers }: IncomingMessage): string | undefined {
  if (rawHeaders.length / 2 > MAX_HEADERS) return `a request may have at most ${MAX_HEADERS} headers`;
  const count = (name: string) => rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name).length;
  if (count('host') > 1 || count('content-length') > 1 || count('transfer-encoding') > 1) {
    return 'a request may have only one Host, Content-Length and Transfer-Encoding';
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && headers['content-length'] !== undefined) {
    return 'a request may not have both Content-Length and Transfer-Encoding';
  }
  return coding === undefined || coding.toLowerCase() === 'chunked'
    ? undefined
    : 'the only Transfer-Encoding is chunked';
}

interface Exchange {
  readonly reply: ServerResponse;
  readonly connection: OpenConnection;
  readonly path: string;
  readonly hall: Hall;
}

function exchange(near: IncomingMessage, { reply, connection, path, hall }: Exchange): void {
  const { far, target } = connection;
  far.once('close', () => leave(connection, hall));
  reply.once('close', () => leave(connection, hall));
  // It may have gone while its host was sought.
  if (near.socket.destroyed) {
    leave(connection, hall);
    return;
  }
  const outgoing = startRequest({
    method: near.method,
    path,
    headers: forwarded(near),
    setHost: false,
    createConnection: () => far,
  });
  // By hand, so that the host asked for is the host that is told.
  outgoing.setHeader('Host', target.port === 80 ? target.host : hostText(target));
  outgoing.setHeader('Connection', 'close');
  outgoing.once('response', response => passBack(response, reply));
  outgoing.once('error', () => giveUp(reply, `host ${hostText(target)} broke off the connection`));
  sendBody(near, outgoing);
}

/** A request that has a body says so; without one nothing is sent, not even an empty chunk. */
function sendBody(near: IncomingMessage, outgoing: ClientRequest): void {
  const { 'content-length': length, 'transfer-encoding': coding } = near.headers;
  if (length === undefined && coding === undefined) {
    outgoing.end();
    return;
  }
  pipeline(near, outgoing, error => {
    if (error) outgoing.destroy(error);
  });
}

function passBack(response: IncomingMessage, reply: ServerResponse): void {
  try {
    reply.writeHead(response.statusCode ?? 502, { ...forwarded(response), connection: 'close' });
  } catch {
    // A header that may not be sent on.
    response.destroy();
    giveUp(reply, 'the host gave an answer that is not valid');
    return;
  }
  pipeline(response, reply, error => {
    if (error) reply.destroy();
  });
}

/** Headers of the message itself: without those of its connection, and those that the connection header names. */
function forwarded({ headersDistinct }: IncomingMessage): Record<string, string[] | string> {
  const named = (headersDistinct.connection ?? []).flatMap(value => value.toLowerCase().split(/\s*,\s*/));
  const kept: Record<string, string[] | string> = {};
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    if (HOP_BY_HOP.has(name) || named.includes(name) || name === 'host') continue;
    kept[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return kept;
}

function answer(reply: ServerResponse, { status, message }: NoPassage): void {
  reply.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  reply.end(`${message}\n`);
}

/** Too late for another status once the answer has begun: then only cutting it off tells that it is not whole. */
function giveUp(reply: ServerResponse, message: string): void {
  if (reply.headersSent) reply.destroy();
  else answer(reply, new NoPassage(502, message));
}
