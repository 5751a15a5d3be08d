import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoxdGone } from './boxd.ts';
import { connectBoxd } from './boxd-client.ts';
import { cell, exec, shell, spawnBoxd, startBoxd } from './boxd-for-tests.ts';
import { encodeFrame, FrameSplitter } from './frames.ts';

/** A pretended boxd: `answer` gives what it sends for each request. */
function pretend(answer: (header: { id: number; verb?: string }) => Buffer[]): Duplex {
  const splitter = new FrameSplitter();
  const channel = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      for (const { header } of splitter.feed(chunk)) {
        const request = header !== null && typeof header === 'object' && 'id' in header ? header : {};
        const id = 'id' in request && typeof request.id === 'number' ? request.id : 0;
        const verb = 'verb' in request && typeof request.verb === 'string' ? request.verb : undefined;
        const ok = { id, ok: { protocol: 1, python: '3' } };
        for (const bytes of verb === 'hello' ? [encodeFrame(ok)] : answer({ id, verb })) channel.push(bytes);
      }
      done();
    },
  });
  return channel;
}

test('requests in flight are rejected with BoxdGone when boxd dies, later ones at once', async () => {
  await using box = await startBoxd();
  const runs = [shell(box.boxd, 'sleep 100'), cell(box.boxd, 'import time; time.sleep(100)')];
  const settled = Promise.allSettled(runs);
  await exec(box.boxd, ['/bin/kill', '-KILL', String(box.process.pid)]).catch(() => undefined);
  for (const result of await settled) assert.ok(result.status === 'rejected' && result.reason instanceof BoxdGone);
  await box.boxd.closed;
  await assert.rejects(box.boxd.contexts(), BoxdGone);
});

test('boxd ends by itself when the channel closes', async () => {
  const { channel, child } = await spawnBoxd();
  channel.destroy();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});

test('whatever comes in, boxd answers in frames and ends in a typed way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async bytes => {
      const { channel, child } = await spawnBoxd();
      const exited = once(child, 'exit');
      const received: Buffer[] = [];
      channel.on('data', (chunk: Buffer) => received.push(chunk));
      channel.end(bytes);
      const [code] = await exited;
      assert.ok(code === 0 || code === 65, `boxd exited with ${code}`);
      const frames = [...new FrameSplitter().feed(Buffer.concat(received))];
      if (code === 65) assert.match(JSON.stringify(frames.at(-1)?.header), /^\{"fatal":\{"code":"VALIDATION_ERROR"/);
    }),
    { numRuns: 25 },
  );
});

test('boxd refuses requests that are not sound, and goes on', async () => {
  const { channel, child } = await spawnBoxd();
  const splitter = new FrameSplitter();
  const answers = (async function* () {
    for await (const chunk of channel) for (const { header } of splitter.feed(chunk)) yield JSON.stringify(header);
  })();
  const ask = async (header: object) => {
    channel.write(encodeFrame(header));
    return (await answers.next()).value ?? assert.fail('no answer');
  };
  assert.match(await ask({ id: 1, verb: 'exec' }), /"VALIDATION_ERROR".*first request is hello/);
  assert.match(await ask({ id: 2, verb: 'hello', workspace: '/nowhere/at/all' }), /"INTERNAL_ERROR"/);
  assert.match(await ask({ id: 3, verb: 'hello', workspace: '/tmp', env: '/nowhere' }), /"ok"/);
  assert.match(await ask({ id: 4, verb: 'dance' }), /there is no verb/);
  assert.match(await ask({ id: 5, verb: 'read', path: 7 }), /field path has the wrong type/);
  assert.match(await ask({ id: 6, verb: 'read', path: 'x', offset: -1, limit: 1 }), /"VALIDATION_ERROR"/);
  assert.match(
    await ask({ id: 7, verb: 'exec', argv: ['/bin/true'], env: [], timeoutMs: 1, outputBytes: 1 }),
    /field env/,
  );
  assert.match(await ask({ id: 8, verb: 'contexts' }), /"names":\[\]/);
  child.kill('SIGKILL');
  channel.destroy();
});

test('a channel that speaks nonsense ends every request and itself', async () => {
  const nonsense = [
    Buffer.from('ffffffff', 'hex'),
    encodeFrame([]),
    encodeFrame({ id: 'x' }),
    encodeFrame({ fatal: {} }),
    encodeFrame({ id: 2, ok: { names: [1] } }),
    encodeFrame({ id: 2, seq: 0, stream: 'stdout' }),
  ];
  for (const bytes of nonsense) {
    const channel = pretend(() => [bytes]);
    const boxd = await connectBoxd(channel);
    await assert.rejects(boxd.contexts(), BoxdGone);
    await boxd.closed;
    assert.equal(channel.destroyed, true);
  }
});

test('output out of order ends the channel', async () => {
  const channel = pretend(({ id }) => [encodeFrame({ id, seq: 1, stream: 'stdout' }, 1), Buffer.from('x')]);
  const boxd = await connectBoxd(channel);
  await assert.rejects(exec(boxd, ['/bin/true']), BoxdGone);
});

test('answers to requests nobody made are ignored', async () => {
  const channel = pretend(({ id }) => [
    encodeFrame({ id: 999, ok: 1 }),
    encodeFrame({ ack: 3 }),
    encodeFrame({ id, ok: { names: ['a'] } }),
  ]);
  const boxd = await connectBoxd(channel);
  assert.deepEqual(await boxd.contexts(), ['a']);
});

test('an unknown error code of the box becomes INTERNAL_ERROR', async () => {
  const channel = pretend(({ id }) => [encodeFrame({ id, error: { code: 'OWN_WORDS', message: 'm' } })]);
  const boxd = await connectBoxd(channel);
  await assert.rejects(boxd.contexts(), { code: 'INTERNAL_ERROR' });
});

test('a content larger than a frame is refused before it is sent', async () => {
  await using box = await startBoxd();
  const bytes = Buffer.alloc(33 * 1024 * 1024);
  await assert.rejects(box.boxd.write({ path: 'x', bytes, createDirs: true }), { code: 'FILE_TOO_LARGE' });
  assert.deepEqual(await box.boxd.contexts(), []);
});

test('a file whose first bytes and failure come together fails whoever reads it, and nobody else', async () => {
  const channel = pretend(({ id, verb }) => {
    if (verb !== 'open') return [];
    const failure = { code: 'FILE_CHANGED', message: 'it grew' };
    const frames = [encodeFrame({ id, seq: 0 }, 1), Buffer.from('x'), encodeFrame({ id, error: failure })];
    // As a socket does: what waits for a promise goes on only after all that the chunk led to.
    setImmediate(() => channel.push(Buffer.concat(frames)));
    return [];
  });
  const boxd = await connectBoxd(channel);
  const opened = await boxd.open('grows', { maxBytes: 10 });
  await assert.rejects(text(opened), { code: 'FILE_CHANGED' });
});
