import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNestedDeeperThan } from './nesting.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('a text is nested as deeply as the value that it parses to', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(12), (value, levels) => {
      // Padding: texts shorter than the limit are not looked at.
      const text = ' '.repeat(levels + 1) + JSON.stringify(value);
      assert.equal(isNestedDeeperThan(levels, text), depthOf(value) > levels);
    }),
  );
});

test('no text makes it throw, however deep', () => {
  fc.assert(fc.property(fc.string(), fc.nat(5), (text, levels) => void isNestedDeeperThan(levels, text)));
  assert.equal(isNestedDeeperThan(200, '['.repeat(5_000_000)), true);
  assert.equal(isNestedDeeperThan(200, ']'.repeat(1000)), false);
  assert.equal(isNestedDeeperThan(200, `"${'['.repeat(1000)}`), false);
});
