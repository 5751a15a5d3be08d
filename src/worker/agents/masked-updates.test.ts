import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Part } from '../../protocol/sessions.ts';
import type { AgentUpdate } from './driver.ts';
import { MaskedUpdates } from './masked-updates.ts';

const SECRET = 'swordfish-7';
const MASK = '[secret:token]';
const secrets = [{ name: 'token', value: SECRET }];
const at = { id: 'p', messageId: 'm', sessionId: 's' };
const textPart = (text: string): Part => ({ ...at, type: 'text', text });
const deltaOf = (delta: string): AgentUpdate => ({ kind: 'delta', messageId: 'm', partId: 'p', delta });

describe('what an agent says in a workspace with secrets', () => {
  it('is masked in every part, message and title, and in what it asks leave for', () => {
    const masked = new MaskedUpdates(() => secrets);
    const said: AgentUpdate[] = [
      { kind: 'title', title: `about ${SECRET}` },
      {
        kind: 'part',
        part: {
          ...at,
          type: 'tool_use',
          tool: 'Bash',
          input: { command: `echo ${SECRET}` },
          state: 'completed',
          resultText: SECRET,
        },
      },
      {
        kind: 'message',
        message: {
          ...{ id: 'm', sessionId: 's', role: 'user', time: { created: 1 } },
          parts: [
            textPart(`use ${SECRET}`),
            { ...at, type: 'tool_result', toolUseId: 't', content: `${SECRET}!` },
            { ...at, type: 'system', subtype: 'notice', data: { text: [SECRET] } },
          ],
        },
      },
      {
        ...{ kind: 'subagent', state: 'started', partId: 'p', toolUseId: 't', subagentType: 'x' },
        description: `look for ${SECRET}`,
      },
    ];
    const told = JSON.stringify(said.flatMap(update => masked.of(update)));
    assert.ok(!told.includes(SECRET), told);
    assert.equal(told.split(MASK).length - 1, JSON.stringify(said).split(SECRET).length - 1);
    const question = { requestId: 'r', toolName: 'Bash', description: SECRET, input: { a: SECRET }, remember: [] };
    const { description, input } = masked.question(question);
    assert.deepEqual([description, input], [MASK, { a: MASK }]);
  });

  it('is masked in pieces as it is in the whole, however it is cut, and all of it is told before its part is whole', () => {
    const letters = fc.constantFrom('s', 'sword', 'fish', '-7', SECRET, ' ', 'e');
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 12 }), fc.array(fc.nat({ max: 40 })), (words, cuts) => {
        const text = words.join('');
        const masked = new MaskedUpdates(() => secrets);
        const ends = [...cuts.filter(cut => cut < text.length).sort((a, b) => a - b), text.length];
        const pieces = ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end)).filter(piece => piece !== '');
        const said: AgentUpdate[] = [...pieces.map(deltaOf), { kind: 'part', part: textPart(text) }];
        const told = said.flatMap(update => masked.of(update));
        const whole = text.replaceAll(SECRET, MASK);
        assert.deepEqual(told.at(-1), { kind: 'part', part: textPart(whole) });
        assert.equal(told.map(update => (update.kind === 'delta' ? update.delta : '')).join(''), whole);
      }),
    );
  });

  it('is told as it is where there are no secrets', () => {
    const masked = new MaskedUpdates(() => []);
    const update = deltaOf(SECRET);
    assert.deepEqual([masked.of(update), masked.text(SECRET)], [[update], SECRET]);
  });
});
