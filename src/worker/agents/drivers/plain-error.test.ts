import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { plainError } from './plain-error.ts';

const environment = { HOME: '/home/somebody', SOME_API_KEY: 'sk-abcdef', PATH: '/usr/bin' };
const cwd = '/srv/projects/app';

test('paths, home and secrets do not show, addresses stay', () => {
  const text =
    'key sk-abcdef is bad; see /home/somebody/.log, /srv/projects/app/x and /etc/ssl/a.pem (https://x.example/a/b)';
  assert.equal(
    plainError(text, { cwd, environment }),
    'key [redacted] is bad; see ~/.log, ./x and [path] (https://x.example/a/b)',
  );
});

test('no text lets a secret, the home or the directory through', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('sk-abcdef', environment.HOME, cwd, '/', ' '));
  fc.assert(
    fc.property(fc.array(piece), pieces => {
      const plain = plainError(pieces.join(''), { cwd, environment });
      assert.ok(plain.length <= 500);
      for (const hidden of ['sk-abcdef', environment.HOME, cwd]) assert.ok(!plain.includes(hidden), plain);
    }),
  );
});
