import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isIPv4 } from 'node:net';
import type { HostPort } from '../../../protocol/host-rules.ts';
import { type ClientHello, parseClientHello } from './client-hello.ts';
import { type Hall, leave, NoPassage, type OpenConnection, passTo, refuse } from './passage.ts';
import { connectTarget, shownText } from './target.ts';

const HTTPS_PORT = 443;
/** A fatal TLS alert, `unrecognized_name`: the client reports a reason instead of a broken connection. */
const ALERT = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

/** Carries a `CONNECT` request to its end. On port 443 the client must open TLS with the very host it asked for. */
export async function tunnel(
  near: Duplex,
  request: { head: IncomingMessage; early: Buffer; hall: Hall },
): Promise<void> {
  const { head, early, hall } = request;
  near.on('error', () => near.destroy());
  let connection: OpenConnection;
  try {
    const target = connectTarget(head.url ?? '');
    if (target === undefined)
      throw refuse({ host: shownText(head.url ?? ''), port: 0 }, 'is not a host and a port', hall);
    connection = await passTo(target, hall);
  } catch (error) {
    if (!(error instanceof NoPassage)) throw error;
    answer(near, error);
    return;
  }
  const { far, target } = connection;
  near.once('close', () => leave(connection, hall));
  far.once('close', () => {
    leave(connection, hall);
    near.destroy();
  });
  // It may have gone before there was anybody to see it.
  if (near.destroyed) return leave(connection, hall);
  near.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  if (target.port !== HTTPS_PORT) {
    if (early.length > 0) far.write(early);
    return join(near, connection);
  }
  const first = await readHello(near, { early, timeoutMs: hall.timeouts.helloMs });
  const problem = helloProblem(first.hello, target);
  if (problem !== undefined) {
    near.end(ALERT);
    return leave(connection, hall, problem);
  }
  far.write(first.bytes);
  join(near, connection);
}

function join(near: Duplex, { far }: OpenConnection): void {
  near.pipe(far);
  far.pipe(near);
}

function helloProblem(hello: ClientHello, { host }: HostPort): string | undefined {
  if (hello.kind === 'more') return 'was not spoken to in TLS';
  if (hello.kind === 'invalid') return 'was not spoken to in TLS';
  // An address has no server name, by the standard.
  if (isIPv4(host) && hello.name === undefined) return undefined;
  if (hello.name === undefined) return 'was not named in the TLS handshake';
  if (hello.name === host) return undefined;
  return `was asked for, but the TLS handshake names ${shownText(hello.name)}`;
}

/** Reads until the whole ClientHello is there, or cannot come any more. Leaves the stream paused. */
function readHello(near: Duplex, { early, timeoutMs }: { early: Buffer; timeoutMs: number }) {
  return new Promise<{ hello: ClientHello; bytes: Buffer }>(resolve => {
    let bytes = early;
    const settle = () => {
      clearTimeout(timer);
      near.off('data', take).off('end', settle).off('close', settle).pause();
      resolve({ hello: parseClientHello(bytes), bytes });
    };
    const take = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (parseClientHello(bytes).kind !== 'more') settle();
    };
    const timer = setTimeout(settle, timeoutMs);
    near.on('data', take).once('end', settle).once('close', settle);
    if (parseClientHello(bytes).kind !== 'more') settle();
  });
}

function answer(near: Duplex, { status, message }: NoPassage): void {
  const phrase = { 400: 'Bad Request', 403: 'Forbidden', 502: 'Bad Gateway' }[status];
  const body = `${message}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${phrase}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  near.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
