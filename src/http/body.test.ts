import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type LocalServer, serveLocally } from '../../test/support/local-server.ts';
import { isCutOff, readBody } from './body.ts';

const MAX_BYTES = 10;

describe('the body of a request', () => {
  const isListenedTo: boolean[] = [];
  const broken = Promise.withResolvers<boolean>();
  let server: LocalServer;
  let port = 0;
  before(async () => {
    server = await serveLocally(async (request, response) => {
      try {
        const body = await readBody(request, MAX_BYTES);
        isListenedTo.push(request.listenerCount('data') > 0);
        response.end(`<${body}>`);
      } catch {
        broken.resolve(isCutOff(request));
      }
    });
    port = Number(new URL(server.origin).port);
  });
  after(() => server.close());

  /** What is answered to requests on one connection, each in these pieces. */
  const answers = async (...requests: readonly (readonly string[])[]) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const found: string[] = [];
    for (const pieces of requests) {
      let text = '';
      const heard = (bytes: Buffer) => {
        text += bytes.toString('latin1');
      };
      socket.on('data', heard);
      for (const piece of pieces) {
        socket.write(piece);
        await delay(20);
      }
      while (!text.includes('>')) await delay(5);
      socket.off('data', heard);
      found.push(/<.*>/.exec(text)?.[0] ?? '');
    }
    socket.destroy();
    return found;
  };
  const sized = (text: string) =>
    [`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${text.length}\r\n\r\n`, text] as const;
  const chunked = (text: string) =>
    [
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n',
      `${text.length.toString(16)}\r\n${text}\r\n`,
      '0\r\n\r\n',
    ] as const;

  test('is the same in one piece and in several, request after request', async () => {
    for (const form of [sized, chunked]) {
      const pieces = form('0123456789');
      isListenedTo.length = 0;
      const found = await answers(pieces, [pieces.join('')], pieces, [pieces.join('')]);
      const inOnePiece = [isListenedTo[1], isListenedTo[3]];
      const mustListen = form === chunked;
      assert.deepEqual(inOnePiece, [mustListen, mustListen], 'of known length, and come with its head: read at once');
      assert.deepEqual(
        found,
        Array.from({ length: 4 }, () => '<0123456789>'),
      );
    }
  });

  test('may be none', async () => {
    const none = 'POST / HTTP/1.1\r\nhost: a\r\n\r\n';
    assert.deepEqual(await answers([none], [none], sized('')), ['<>', '<>', '<>']);
  });

  test('is not read when it is larger than it may be, also where it does not say so', async () => {
    const pieces = chunked('0123456789a');
    assert.deepEqual(await answers([pieces.join('')], [pieces.join('')]), ['<undefined>', '<undefined>']);
    assert.deepEqual(await answers(pieces), ['<undefined>']);
    assert.deepEqual(await answers([sized('0123456789a').join('')]), ['<undefined>']);
  });

  test('that breaks off is none, and its client has gone away', async () => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n012');
    await delay(20);
    socket.destroy();
    assert.equal(await broken.promise, true);
  });
});
