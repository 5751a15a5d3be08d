import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MAX_MESSAGE_BYTES, MessageTooLarge } from '../fabric.ts';
import { decodeAnswer, encodeAnswer } from './frames.ts';

it('an answer travels as a copy', () => {
  const body = Uint8Array.of(1, 2, 3);
  const frame = encodeAnswer(body);
  body.fill(0);
  assert.deepEqual([...(asBytes(decodeAnswer(frame)) ?? [])], [1, 2, 3]);
  assert.deepEqual([...(asBytes(decodeAnswer(encodeAnswer(new Uint8Array()))) ?? [1])], []);
});

it('an answer that is kept keeps no memory but its own', () => {
  for (const size of [0, 10, 1_000, MAX_MESSAGE_BYTES + 1]) {
    const frame = encodeAnswer(new Uint8Array(size));
    assert.equal(frame.buffer.byteLength, frame.byteLength);
  }
});

it('one that is too large travels as its size', () => {
  const answer = decodeAnswer(encodeAnswer(new Uint8Array(MAX_MESSAGE_BYTES + 1)));
  assert.ok(answer instanceof MessageTooLarge);
  assert.equal(answer.message, new MessageTooLarge(MAX_MESSAGE_BYTES + 1).message);
});

it('other bytes are no answer', () => {
  for (const frame of [[], [1], [2, 0], [1, 2, 3, 4]]) assert.equal(decodeAnswer(Uint8Array.from(frame)), undefined);
});

const asBytes = (answer: ReturnType<typeof decodeAnswer>): Uint8Array | undefined =>
  answer instanceof Uint8Array ? answer : undefined;
