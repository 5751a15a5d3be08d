import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../log/log.ts';
import { frameStream } from './event-stream.ts';

async function* framesUntil(end: Promise<void>): AsyncGenerator<string> {
  yield 'data: one\n\n';
  await end;
}

test('a stream on which nothing happens says every 15 s that it is there, and ends with its frames', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const end = Promise.withResolvers<void>();
  const { body } = frameStream(framesUntil(end.promise), { signal: new AbortController().signal, log: silentLog });
  const reader = (body ?? assert.fail('it has no body')).getReader();
  const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
  assert.equal(await next(), ': connected\n\n');
  assert.equal(await next(), 'data: one\n\n');
  const beat = next();
  t.mock.timers.tick(14_999);
  t.mock.timers.tick(1);
  assert.equal(await beat, ': heartbeat\n\n');
  end.resolve();
  assert.equal(await next(), '');
  assert.equal((await reader.read()).done, true);
});

test('a stream that nobody reads, as in the answer to HEAD, begins nothing that would have to end', async () => {
  let isBegun = false;
  async function* frames(): AsyncGenerator<string> {
    isBegun = true;
    yield 'data: one\n\n';
  }
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
  const before = timers();
  frameStream(frames(), { signal: new AbortController().signal, log: silentLog });
  await new Promise(setImmediate);
  assert.deepEqual([isBegun, timers()], [false, before]);
});
