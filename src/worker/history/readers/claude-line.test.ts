import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classifyClaudeLine } from './claude-line.ts';

const kindOf = (line: unknown): string => classifyClaudeLine(Buffer.from(JSON.stringify(line))).kind;

test('lines without conversation are told by their first bytes, and unknown kinds are said to be unknown', () => {
  assert.equal(kindOf({ type: 'api-request-shape', shape: {} }), 'skip');
  assert.equal(kindOf({ type: 'cost-state', totalCostUSD: 1 }), 'parse');
  assert.equal(kindOf({ type: 'brand-new' }), 'unknown');
  assert.equal(kindOf({ parentUuid: null, isSidechain: false, promptId: 'x', type: 'user' }), 'parse');
  assert.equal(kindOf({ uuid: 'x', type: 'user' }), 'parse', 'another order of fields');
  const queued = {
    parentUuid: null,
    isSidechain: false,
    attachment: { type: 'queued_command' },
    type: 'attachment',
    uuid: 'u',
  };
  assert.equal(kindOf(queued), 'parse');
});

test('the quick look at an attachment sees what a full parse sees, whatever texts are in it', () => {
  const nasty = fc.oneof(
    fc.string(),
    fc.constantFrom('},"type":"attachment","uuid":"fake"', '"', '\\', '\\"},"type":"attachment","uuid":"'),
  );
  const uuid = fc.uuid();
  fc.assert(
    fc.property(
      fc.record({
        parent: fc.option(uuid),
        uuid,
        texts: fc.array(nasty),
        rendered: fc.array(nasty),
        isSidechain: fc.boolean(),
      }),
      found => {
        const { parent, isSidechain, texts, rendered } = found;
        const row = {
          parentUuid: parent,
          isSidechain,
          attachment: { type: 'prompt_snapshot', systemPrompt: texts },
          type: 'attachment',
          uuid: found.uuid,
          timestamp: '2026-11-21T12:00:00.000Z',
          rendered: rendered.map(content => ({ content })),
        };
        assert.deepEqual(classifyClaudeLine(Buffer.from(JSON.stringify(row))), {
          kind: 'entry',
          uid: found.uuid,
          parent,
          isSidechain,
        });
      },
    ),
  );
});

test('a torn line is never taken for an attachment that is complete', () => {
  const row = {
    parentUuid: null,
    isSidechain: false,
    attachment: { type: 'date' },
    type: 'attachment',
    uuid: '00000000-0000-4000-8000-000000000001',
    cwd: '/x',
  };
  const line = Buffer.from(JSON.stringify(row));
  for (let cut = 1; cut < line.length; cut++) {
    assert.notEqual(classifyClaudeLine(line.subarray(0, cut)).kind, 'entry', String(cut));
  }
});
