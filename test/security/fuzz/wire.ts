import { connect } from 'node:net';
import type { Shot } from './shots.ts';

/** What came back; without a status the connection was closed, or held open, without an answer. */
export interface Reply {
  readonly status?: number;
  readonly head: string;
  readonly body: string;
  /** Nothing more came for as long as one waits. */
  readonly isHeld: boolean;
}

const MAX_KEPT = 100_000;

/** Sends a request byte for byte, and reads what comes until the server closes; of a stream of events only the beginning. */
export function fire(url: string, shot: Shot, { waitMs }: { waitMs: number }): Promise<Reply> {
  const { port, host } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const socket = connect({ port: Number(port), host: '127.0.0.1' });
  let answer = '';
  const settle = (isHeld: boolean) => {
    socket.destroy();
    const [head, body] = partsOf(answer);
    resolve({ status: statusIn(head), head, body, isHeld });
  };
  socket.setTimeout(waitMs, () => settle(true));
  // A server that refuses may reset the connection while the rest is still being sent.
  socket.on('error', () => settle(false));
  socket.on('close', () => settle(false));
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    if (answer.length < MAX_KEPT) answer += chunk;
    const [head] = partsOf(answer);
    if (/^content-type: text\/event-stream/im.test(head)) settle(false);
  });
  const isCutShort = shot.framing === 'short' || shot.framing === 'torn-chunks';
  const bytes = bytesOf(shot, host);
  if (isCutShort) socket.end(bytes);
  else socket.write(bytes);
  return promise;
}

function bytesOf({ method, target, headers, body, framing }: Shot, host: string): Buffer {
  const given = headers.map(([name, value]) => `${name}: ${value}`);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: close',
    ...given,
    ...framed(framing, body),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), contentOf(framing, body)]);
}

function framed(framing: Shot['framing'], { length }: Buffer): string[] {
  const told = (bytes: number) => `Content-Length: ${bytes}`;
  const chunked = 'Transfer-Encoding: chunked';
  if (framing === 'none') return [];
  if (framing === 'length') return [told(length)];
  if (framing === 'short') return [told(length + 10)];
  if (framing === 'long') return [told(Math.floor(length / 2))];
  return framing === 'both' ? [told(length), chunked] : [chunked];
}

function contentOf(framing: Shot['framing'], body: Buffer): Buffer {
  if (framing === 'none') return Buffer.alloc(0);
  if (framing === 'bad-chunks') return Buffer.concat([Buffer.from('zz\r\n'), body, Buffer.from('\r\n-1\r\n')]);
  if (framing !== 'chunked' && framing !== 'torn-chunks') return body;
  const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
  if (framing === 'torn-chunks') return chunk.subarray(0, Math.ceil(chunk.length / 2));
  return body.length === 0 ? Buffer.from('0\r\n\r\n') : Buffer.concat([chunk, Buffer.from('0\r\n\r\n')]);
}

/** Head and body of the answer, without what only says that one may go on. */
function partsOf(answer: string): [head: string, body: string] {
  const rest = answer.replace(/^(?:HTTP\/1\.1 1\d\d [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)+/, '');
  const end = rest.indexOf('\r\n\r\n');
  return end === -1 ? ['', ''] : [rest.slice(0, end), rest.slice(end + 4)];
}

function statusIn(head: string): number | undefined {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  return status === undefined ? undefined : Number(status);
}
