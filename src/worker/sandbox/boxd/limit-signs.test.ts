import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { finish, limits, python, type StartedBoxd, startBoxd } from './boxd-for-tests.ts';

const GROWING = 'kept = []\nwhile True: kept.append(bytearray(1 << 20))';

describe('where boxd keeps the memory limit itself', () => {
  let box: StartedBoxd;
  before(async () => {
    box = await startBoxd({ limits: { memoryBytes: 200 * 1024 * 1024 } });
  });
  after(() => box[Symbol.asyncDispose]());

  const limitOf = async (code: string) => {
    const { exitCode, limitHit } = await python(box.boxd, code);
    return { exitCode, limitHit };
  };
  const inContext = (code: string) =>
    finish(options => box.boxd.cell({ context: 'signs', code, env: {}, ...limits }, options));

  test('a program that ends for want of memory has met it', async () => {
    assert.deepEqual(await limitOf(GROWING), { exitCode: 1, limitHit: 'oom' });
    assert.deepEqual(await limitOf('x = bytearray(10 << 30)'), { exitCode: 1, limitHit: 'oom' });
    assert.deepEqual(await limitOf('def f():\n  return [0] * (1 << 40)\nf()'), { exitCode: 1, limitHit: 'oom' });
  });

  test('so has a cell, and the next one has not', async () => {
    assert.equal((await inContext(GROWING)).limitHit, 'oom');
    const next = await inContext('kept = None\nraise ValueError');
    assert.deepEqual([next.exitCode, next.limitHit], [1, undefined]);
  });

  test('nothing is said where it cannot be known', async () => {
    const unknown = { exitCode: 1, limitHit: undefined };
    assert.deepEqual(await limitOf('raise MemoryError'), unknown);
    assert.deepEqual(await limitOf('1 / 0'), unknown);
    assert.deepEqual(await limitOf(`eval("-" * 100_000 + "1")`), unknown);
    assert.deepEqual(await limitOf(`${'-'.repeat(100_000)}1`), unknown);
    assert.deepEqual(
      await limitOf(`try:\n  bytearray(10 << 30)\nexcept MemoryError:\n  pass`),
      { exitCode: 0, limitHit: undefined },
      'it went on without',
    );
    const inChild = `import os\nif os.fork() == 0: bytearray(10 << 30)\nelse: os._exit(os.waitstatus_to_exitcode(os.wait()[1]))`;
    assert.deepEqual(await limitOf(inChild), unknown);
  });
});

test('where a control group keeps it, its counters tell, and boxd says nothing', async () => {
  await using box = await startBoxd();
  const { exitCode, limitHit } = await python(box.boxd, 'x = bytearray(1 << 60)');
  assert.deepEqual([exitCode, limitHit], [1, undefined]);
});
