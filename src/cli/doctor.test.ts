import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackAsText, checksAsText } from './doctor.ts';

test('checks are a table; what is not well is followed by what mends it', () => {
  const text = checksAsText([
    { name: 'node', state: 'ok', detail: '24.1.0', fix: 'never shown' },
    { name: 'bubblewrap', state: 'fail', detail: 'not installed', fix: 'apt install bubblewrap' },
    { name: 'cgroups', state: 'warn', detail: 'limits are soft' },
  ]);
  assert.deepEqual(text.split('\n'), [
    'ok    node        24.1.0',
    'FAIL  bubblewrap  not installed',
    '                fix: apt install bubblewrap',
    'warn  cgroups     limits are soft',
  ]);
});

test('what was attacked stands first, then breaches before what was held, and their count', () => {
  const text = attackAsText({
    engine: {
      name: 'bubblewrap',
      versions: { bubblewrap: '0.8.0', kernel: '6.1.0' },
      stale: ['bubblewrap 0.8.0 is old'],
    },
    attempts: [
      { name: 'read host', held: true, detail: 'no such file' },
      { name: 'escape', held: false, detail: 'read /etc/shadow' },
    ],
  });
  assert.deepEqual(text.split('\n'), [
    'engine bubblewrap: bubblewrap 0.8.0, kernel 6.1.0',
    'warn: bubblewrap 0.8.0 is old',
    '',
    'BREACH  escape     read /etc/shadow',
    'held    read host  no such file',
    '',
    '1 of 2 attacks held',
  ]);
});
