import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { resumedRead } from './resumed.ts';

const bytes = randomBytes(1000);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const whole = { start: 0 };
const stat = async () => ({ sizeBytes: bytes.length });

/** Gives some bytes from `start` on, then breaks. */
function torn(start: number, count: number) {
  async function* body() {
    yield bytes.subarray(start, start + count);
    throw new Error('the line broke');
  }
  return { body: Readable.from(body()), totalBytes: bytes.length };
}

describe('a read that is resumed', () => {
  it('goes on for as long as every attempt brings something', async () => {
    const starts: number[] = [];
    const open = async (start: number) => {
      starts.push(start);
      return torn(start, 90);
    };
    const stream = await resumedRead({ sha256, range: whole, stat, open });
    assert.deepEqual(stream && (await buffer(stream)), bytes);
    assert.deepEqual(starts, [0, 90, 180, 270, 360, 450, 540, 630, 720, 810, 900, 990]);
  });

  it('gives up when nothing comes any more, with the last error', async () => {
    let opened = 0;
    const open = async (start: number) => {
      opened += 1;
      if (opened > 1) throw new Error(`no answer from ${start}`);
      return torn(start, 10);
    };
    const stream = await resumedRead({ sha256, range: whole, stat, open });
    assert.ok(stream);
    await assert.rejects(buffer(stream), /no answer from 10/);
  });

  it('says that the blob was deleted meanwhile, without asking again', async () => {
    let opened = 0;
    const open = async (start: number) => {
      opened += 1;
      return opened === 1 ? torn(start, 10) : undefined;
    };
    const stream = await resumedRead({ sha256, range: whole, stat, open });
    assert.ok(stream);
    await assert.rejects(buffer(stream), /deleted while it was read/);
    assert.equal(opened, 2);
  });

  it('asks for no bytes where none are wanted, nor for what can be no hash', async () => {
    const open = async () => assert.fail('was asked');
    const none = { start: 7, end: 7 };
    assert.equal((await buffer((await resumedRead({ sha256, range: none, stat, open })) ?? assert.fail())).length, 0);
    assert.equal(await resumedRead({ sha256, range: none, stat: async () => undefined, open }), undefined);
    assert.equal(await resumedRead({ sha256: '../secret', range: whole, stat, open }), undefined);
  });
});
