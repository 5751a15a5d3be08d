import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { WrittenMessage } from '../../../protocol/presence.ts';
import type { Part } from '../../../protocol/sessions.ts';
import { eventsOfWritten, type Standing } from './written-events.ts';

const FRESH: Standing = { turn: null, isSaid: false };

const message = (id: string, role: 'user' | 'assistant', parts: Part[], more: Partial<WrittenMessage> = {}) => ({
  message: { id, sessionId: 'agents-own', role, time: { created: 1 }, parts },
  isMore: false,
  settled: [],
  ...more,
});
const ids = (messageId: string) => ({ id: `${messageId}:0`, messageId, sessionId: 'agents-own' });
const text = (id: string, words: string): Part => ({ ...ids(id), type: 'text', text: words });
const prompt = (id: string, words = 'go') => message(id, 'user', [text(id, words)]);
const says = (id: string) => message(id, 'assistant', [text(id, 'done')]);
const call = (state: 'running' | 'completed'): Part => ({
  ...{ ...ids('c'), id: 'toolu', type: 'tool_use', tool: 'Bash', input: {}, state },
});
const calls = (id: string) => message(id, 'assistant', [call('running')]);
const result = (id: string) =>
  message(id, 'user', [{ ...ids(id), type: 'tool_result', toolUseId: 'toolu', content: 'x' }], {
    settled: [call('completed')],
  });
const tell = (written: WrittenMessage[], standing = FRESH) => {
  const told = eventsOfWritten(written, { sessionId: 's', standing });
  return { ...told, types: told.events.map(({ type }) => type) };
};

describe('what others write into a transcript, as events', () => {
  it('are messages and parts of the session, named as callers know it, and leave the turn open', () => {
    const { events, types, standing } = tell([prompt('p'), says('a')]);
    assert.deepEqual(types, [
      ...['message.created', 'message.created', 'message.part.updated', 'message.part.completed'],
    ]);
    assert.doesNotMatch(JSON.stringify(events), /agents-own/);
    assert.deepEqual(standing, { turn: 'p', isSaid: true });
  });

  it('tell the end of a tool’s call with its result, and a call alone as running', () => {
    const { types, standing } = tell([prompt('p'), calls('c'), result('r')]);
    assert.deepEqual(types.slice(1), [
      ...['message.created', 'message.part.updated', 'message.part.updated', 'message.part.completed'],
      'message.created',
    ]);
    assert.deepEqual(standing, { turn: 'p', isSaid: false });
  });

  it('name an answer once, however many pieces it is written in', () => {
    const { types } = tell([prompt('p'), says('a'), { ...says('a'), isMore: true }]);
    assert.equal(types.filter(type => type === 'message.created').length, 2);
  });

  it('end a turn that was broken off, or answered and followed by another prompt', () => {
    const broken = tell([prompt('p'), prompt('i', '[Request interrupted by user]')]);
    assert.deepEqual(broken.events.at(-1)?.body, { turnId: 'p', result: { outcome: 'aborted' } });
    const next = tell([prompt('q')], { turn: 'p', isSaid: true });
    assert.deepEqual(next.events[0]?.body, { turnId: 'p', result: { outcome: 'completed' } });
    assert.equal(next.standing.turn, 'q');
    // Typed while the model was still at work: of the same turn.
    assert.deepEqual(tell([prompt('q')], { turn: 'p', isSaid: false }).types, ['message.created']);
  });

  it('are the same, whether they are told at once or one by one', () => {
    const steps = fc.constantFrom('prompt', 'says', 'calls', 'result', 'interrupted');
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 20 }), kinds => {
        const written = kinds.map((kind, at) => {
          if (kind === 'interrupted') return prompt(`m${at}`, '[Request interrupted by user]');
          return { prompt, says, calls, result }[kind](`m${at}`);
        });
        const atOnce = tell(written);
        let standing = FRESH;
        const one = written.flatMap(single => {
          const told = tell([single], standing);
          ({ standing } = told);
          return told.events;
        });
        assert.deepEqual(one, atOnce.events);
        assert.deepEqual(standing, atOnce.standing);
        // No turn has two ends.
        const ends = atOnce.events.flatMap(({ type, body }) => (type === 'session.idle' ? [body.turnId] : []));
        assert.equal(new Set(ends).size, ends.length);
      }),
    );
  });
});
