import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type LocalServer, serveLocally } from '../../test/support/local-server.ts';
import { silentLog } from '../log/log.ts';
import { frameStream } from './event-stream.ts';

describe('a stream of frames', () => {
  let answer: (outgoing: ServerResponse) => void = () => {};
  let server: LocalServer;
  let port = 0;
  before(async () => {
    server = await serveLocally((_request, outgoing) => answer(outgoing));
    port = Number(new URL(server.origin).port);
  });
  after(() => server.close());

  const options = { signal: new AbortController().signal, log: silentLog };
  const ask = async (method = 'GET'): Promise<IncomingMessage> => {
    const asked = request({ host: '127.0.0.1', port, method });
    asked.end();
    const [response] = await once(asked, 'response');
    return response;
  };

  test('on which nothing happens says every 15 s that it is there, and ends with its frames', async t => {
    const end = Promise.withResolvers<void>();
    async function* frames(): AsyncGenerator<string> {
      yield 'data: one\n\n';
      await end.promise;
    }
    t.mock.timers.enable({ apis: ['setInterval'] });
    answer = outgoing => frameStream(frames(), { ...options, outgoing, headers: { 'cache-control': 'no-cache' } });
    const response = await ask();
    assert.equal(response.headers['content-type'], 'text/event-stream');
    assert.equal(response.headers['cache-control'], 'no-cache');
    let text = '';
    response.on('data', bytes => {
      text += bytes;
    });
    const until = async (expected: string) => {
      while (text.length < expected.length) await delay(5);
      assert.equal(text, expected);
    };
    await until(': connected\n\ndata: one\n\n');
    t.mock.timers.tick(14_999);
    await delay(20);
    await until(': connected\n\ndata: one\n\n');
    t.mock.timers.tick(1);
    await until(': connected\n\ndata: one\n\n: heartbeat\n\n');
    const ended = once(response, 'end');
    end.resolve();
    await ended;
    assert.equal(text, ': connected\n\ndata: one\n\n: heartbeat\n\n');
  });

  test('that nobody reads, as in the answer to HEAD, begins nothing', async () => {
    let isBegun = false;
    async function* frames(): AsyncGenerator<string> {
      isBegun = true;
      yield 'data: one\n\n';
    }
    answer = outgoing => frameStream(frames(), { ...options, outgoing });
    const response = await ask('HEAD');
    await once(response.resume(), 'end');
    assert.deepEqual([response.headers['content-type'], isBegun], ['text/event-stream', false]);
  });

  test('asks for no more than a slow client has taken, and ends when it goes away', async () => {
    const large = `data: ${'x'.repeat(100_000)}\n\n`;
    const left = Promise.withResolvers<void>();
    let asked = 0;
    async function* frames(): AsyncGenerator<string> {
      try {
        for (; asked < 1_000; asked += 1) yield large;
      } finally {
        left.resolve();
      }
    }
    answer = outgoing => frameStream(frames(), { ...options, outgoing });
    const socket = connect({ host: '127.0.0.1', port });
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'readable');
    let before = -1;
    while (before !== asked) {
      before = asked;
      await delay(100);
    }
    assert.ok(asked > 0 && asked < 200, `${asked} frames of 100 kB for a client that reads nothing`);
    socket.destroy();
    await left.promise;
    assert.ok(asked <= before + 1, `${asked - before} more for a client that is gone`);
  });

  test('of which the source fails ends there', async () => {
    async function* frames(): AsyncGenerator<string> {
      yield 'data: one\n\n';
      throw new Error('no more');
    }
    answer = outgoing => frameStream(frames(), { ...options, outgoing });
    const response = await ask();
    assert.equal((await response.toArray()).join(''), ': connected\n\ndata: one\n\n');
  });
});
