import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visible } from './visible.ts';

test('what steers a terminal or turns text around is written out', () => {
  assert.equal(visible('\u001b]0;owned\u0007\r\u009b2J'), '\\u{1b}]0;owned\\u{7}\\u{d}\\u{9b}2J');
  assert.equal(visible('\u202egnp.exe\u2066'), '\\u{202e}gnp.exe\\u{2066}');
});

test('lines, tabs, and letters of every language stay as they are', () => {
  for (const text of ['a\n\tb', 'שלום مرحبا', '\u{1f469}\u200d\u{1f680}', 'Ünïcödé']) assert.equal(visible(text), text);
});
