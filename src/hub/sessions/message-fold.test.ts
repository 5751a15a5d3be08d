import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventRecord, JsonObject } from '../../store/rows.ts';
import { MessageFold } from './message-fold.ts';

const event = (type: string, body: JsonObject): EventRecord => ({ stream: 's', seq: 1, epoch: 0, time: 1, type, body });
const message = (parts: JsonObject[]): JsonObject => ({
  ...{ id: 'm1', sessionId: 's1', role: 'assistant', time: { created: 1 } },
  parts,
});
const text = (id: string, value: string): JsonObject => ({
  id,
  messageId: 'm1',
  sessionId: 's1',
  type: 'text',
  text: value,
});

describe('messages of events', () => {
  it('grow by deltas, and are what the last update says', () => {
    const fold = new MessageFold();
    fold.apply(event('message.created', { message: message([text('p1', 'a')]) }));
    for (const delta of ['b', 'c']) fold.apply(event('message.part.delta', { messageId: 'm1', partId: 'p1', delta }));
    assert.deepEqual(fold.messages[0]?.parts, [text('p1', 'abc')]);
    fold.apply(event('message.part.updated', { messageId: 'm1', part: text('p1', 'abc!') }));
    fold.apply(event('message.part.updated', { messageId: 'm1', part: text('p2', 'x') }));
    assert.deepEqual(fold.messages[0]?.parts, [text('p1', 'abc!'), text('p2', 'x')]);
  });

  it('leave out what is no message, and keep parts that a repeated message does not name', () => {
    const fold = new MessageFold();
    fold.apply(event('message.created', { message: message([text('p1', 'a')]) }));
    fold.apply(event('message.created', { message: message([]) }));
    fold.apply(event('message.created', { message: { id: 3 } }));
    fold.apply(event('message.part.delta', { messageId: 'unknown', partId: 'p', delta: 'x' }));
    fold.apply(event('session.idle', { turnId: 't' }));
    assert.deepEqual(
      fold.messages.map(({ parts }) => parts),
      [[text('p1', 'a')]],
    );
  });
});
