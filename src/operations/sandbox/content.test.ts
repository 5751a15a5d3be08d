import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../errors/app-error.ts';
import { decodeContent, wholeCharacters } from './content.ts';

const isCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;
const MAX = 3 * 1024 * 1024;

test('any bytes survive base64', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      const content = Buffer.from(bytes).toString('base64');
      return decodeContent(content, { encoding: 'base64', path: 'a' }).equals(Buffer.from(bytes));
    }),
  );
});

test('any text survives utf8', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      text => decodeContent(text, { encoding: 'utf8', path: 'a' }).toString('utf8') === text,
    ),
  );
});

test('what is no base64 is refused instead of being cut short', () => {
  for (const content of ['a', 'ab=c', '====', 'YWI', 'YW I=', 'YWI=\n', '%%%%']) {
    assert.throws(() => decodeContent(content, { encoding: 'base64', path: 'a' }), isCode('VALIDATION_ERROR'), content);
  }
});

test('half a surrogate pair is refused instead of being replaced', () => {
  assert.throws(() => decodeContent('a\ud800', { encoding: 'utf8', path: 'a' }), isCode('VALIDATION_ERROR'));
});

test('3 MiB are taken and one byte more is not, by decoded size', () => {
  assert.equal(decodeContent('x'.repeat(MAX), { encoding: 'utf8', path: 'a' }).length, MAX);
  const fits = Buffer.alloc(MAX).toString('base64');
  assert.equal(decodeContent(fits, { encoding: 'base64', path: 'a' }).length, MAX);
  const tooLarge = Buffer.alloc(MAX + 1).toString('base64');
  assert.throws(
    () => decodeContent(tooLarge, { encoding: 'base64', path: 'big.bin' }),
    (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'FILE_TOO_LARGE');
      assert.match(error.message, /^big\.bin would have 3145729 bytes/);
      return true;
    },
  );
  assert.throws(
    () => decodeContent('é'.repeat(MAX / 2 + 1), { encoding: 'utf8', path: 'a' }),
    isCode('FILE_TOO_LARGE'),
  );
});

test('slices of a text put together are the text, and none splits a character', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '\ufeff') });
  fc.assert(
    fc.property(text, fc.integer({ min: 4, max: 9 }), (whole, size) => {
      const bytes = Buffer.from(whole);
      let at = 0;
      let joined = '';
      while (at < bytes.length) {
        const end = Math.min(at + size, bytes.length);
        const slice = wholeCharacters(bytes.subarray(at, end), { isEnd: end === bytes.length });
        if (slice === undefined || slice.bytes === 0 || end - at - slice.bytes > 3) return false;
        joined += slice.text;
        at += slice.bytes;
      }
      return joined === whole;
    }),
  );
});

test('bytes that are no UTF-8 are told apart from a character that is cut off', () => {
  const euro = Buffer.from('€');
  assert.deepEqual(wholeCharacters(euro.subarray(0, 2), { isEnd: false }), { text: '', bytes: 0 });
  assert.equal(wholeCharacters(euro.subarray(0, 2), { isEnd: true }), undefined);
  assert.equal(wholeCharacters(Buffer.from([0x61, 0xff]), { isEnd: false }), undefined);
  assert.equal(wholeCharacters(Buffer.from([0x80, 0x80, 0x80, 0x80]), { isEnd: false }), undefined);
});
