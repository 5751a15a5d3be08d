import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../errors/app-error.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';

describe('cursor', () => {
  it('gives back every position', () => {
    const position = fc.array(fc.integer({ min: -1000, max: Number.MAX_SAFE_INTEGER }), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(position, numbers => {
        const cursor = encodeCursor(numbers);
        assert.match(cursor, /^[\w-]+$/);
        assert.deepEqual(decodeCursor(cursor, numbers.length), numbers);
      }),
    );
  });

  it('is VALIDATION_ERROR for any other text, and for the cursor of a list sorted otherwise', () => {
    const encoded = fc.json().map(text => Buffer.from(text).toString('base64url'));
    fc.assert(
      fc.property(fc.oneof(fc.string(), encoded, fc.constant(encodeCursor([1]))), text => {
        fc.pre(!/^\s*\[\s*-?\d+\s*,\s*-?\d+\s*\]\s*$/.test(Buffer.from(text, 'base64url').toString()));
        assert.throws(
          () => decodeCursor(text, 2),
          error => error instanceof AppError && error.code === 'VALIDATION_ERROR',
        );
      }),
      { examples: [[''], [Buffer.from('[1.5,2]').toString('base64url')]] },
    );
  });

  it('names a next page exactly when a row was read beyond the limit', () => {
    const options = { limit: 2, position: (row: number) => [row], read: (rows: number[]) => rows };
    assert.deepEqual(pageOf([], options), { rows: [], nextCursor: null });
    assert.deepEqual(pageOf([9, 8], options), { rows: [9, 8], nextCursor: null });
    assert.deepEqual(pageOf([9, 8, 7], options), { rows: [9, 8], nextCursor: encodeCursor([8]) });
  });
});
