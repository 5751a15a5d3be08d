import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dispositionOf } from './artifacts.ts';

test('a file name can neither end its header nor add a directory, and comes back exactly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), name => {
      const header = dispositionOf(name);
      assert.match(header, /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.~%!#$&+^`|-]*$/);
      const [, ascii = '', exact = ''] = /filename="(.*?)"; filename\*=UTF-8''(.*)$/.exec(header) ?? [];
      assert.doesNotMatch(ascii, /["\\/;%]/);
      assert.equal(decodeURIComponent(exact), name.toWellFormed());
      assert.ok(new Headers({ 'content-disposition': header }));
    }),
  );
});
