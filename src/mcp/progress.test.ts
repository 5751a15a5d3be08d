import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { InMemoryTransport, Server, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Progress } from '../operations/operation.ts';
import { progressReporter } from './progress.ts';

const noteSchema = z.looseObject({
  method: z.string().optional(),
  params: z.looseObject({ progress: z.number(), message: z.string().optional() }).optional(),
});

/** Runs `work` as the handler of a request that may have a token; gives what the client heard. */
async function heardDuring(
  work: (reporter: { report(progress: Progress): void; stop(): void }) => void,
  options: { token?: string } = { token: 't' },
) {
  const [client, ours] = InMemoryTransport.createLinkedPair();
  const heard: { progress: number; message?: string }[] = [];
  const answered = new Promise<void>(resolve => {
    client.onmessage = message => {
      const { method, params } = noteSchema.parse(message);
      if (method === 'notifications/progress' && params) heard.push(params);
      if (method === undefined) resolve();
    };
  });
  const server = new Server({ name: 't', version: '1' }, { capabilities: {} });
  server.setRequestHandler('ping', (_request, context: ServerContext) => {
    const reporter = progressReporter(context);
    work(reporter);
    reporter.stop();
    return {};
  });
  await server.connect(ours);
  await client.start();
  const _meta = options.token === undefined ? {} : { progressToken: options.token };
  await client.send({ jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta } });
  await answered;
  return heard;
}

describe('progress', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => mock.timers.reset());

  test('is not sent to who gave no token', async () => {
    assert.deepEqual(await heardDuring(({ report }) => report({ percent: 5 }), {}), []);
  });

  test('comes every 10 s at least, and always rises', async () => {
    const heard = await heardDuring(({ report }) => {
      report({ percent: 40, message: 'busy' });
      mock.timers.tick(10_000);
      mock.timers.tick(10_000);
    });
    assert.ok(heard.length >= 3);
    heard.reduce((before, { progress }) => {
      assert.ok(progress > before);
      return progress;
    }, 0);
    assert.equal(heard.at(-1)?.message, 'busy');
  });

  test('has a message of 200 characters at most', async () => {
    const [first] = await heardDuring(({ report }) => report({ message: 'x'.repeat(1000) }));
    assert.equal(first?.message?.length, 200);
  });

  test('is no flood, however often it is reported', async () => {
    const heard = await heardDuring(({ report }) => {
      for (let percent = 1; percent < 90; percent++) report({ percent });
    });
    assert.ok(heard.length < 10);
  });

  test('ends with the call', async () => {
    const heard = await heardDuring(reporter => {
      reporter.stop();
      reporter.report({ percent: 50 });
      mock.timers.tick(60_000);
    });
    assert.deepEqual(heard, []);
  });
});
