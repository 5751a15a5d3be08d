import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseRange } from './byte-range.ts';

test('a range lies within the content and is what was asked for', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1200), fc.nat(1200), (size, first, last) => {
      const range = parseRange(`bytes=${first}-${last}`, size);
      if (first > last) return assert.equal(range, undefined);
      if (first >= size) return assert.equal(range, 'unsatisfiable');
      assert.deepEqual(range, { start: first, end: Math.min(last + 1, size) });
    }),
  );
});

test('a suffix is the last bytes, at most all', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1200), (size, count) => {
      const expected = size === 0 || count === 0 ? 'unsatisfiable' : { start: Math.max(0, size - count), end: size };
      assert.deepEqual(parseRange(`bytes=-${count}`, size), expected);
    }),
  );
});

test('whatever else a header says, it means the whole', () => {
  for (const header of [undefined, '', 'bytes', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes=1-2,3-4', 'items=0-1']) {
    assert.equal(parseRange(header, 10), undefined, header);
  }
  fc.assert(
    fc.property(fc.string(), text => {
      const range = parseRange(text, 10);
      assert.ok(range === undefined || range === 'unsatisfiable' || range.start < range.end);
    }),
  );
});
