import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { html } from './html.ts';

test('whatever is put into a page stays text, in elements and in attributes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const { text: page } = html`<p title="${text}">${text}</p>`;
      const marks = page.replace(/&(?:amp|lt|gt|quot|#39);/g, '').match(/[<>"&']/g);
      assert.equal(marks?.join(''), '<""><>');
    }),
  );
});

test('pieces of a page are put in as they are, also many of them', () => {
  const items = ['a & b', 'c'].map(item => html`<li>${item}</li>`);
  assert.equal(html`<ul>${items}</ul>`.text, '<ul><li>a &amp; b</li><li>c</li></ul>');
});

test('characters that turn text around are seen', () => {
  assert.equal(html`${'good\u202egnp.exe\u200b\u0007'}`.text, 'good\ufffdgnp.exe\ufffd\ufffd');
});
