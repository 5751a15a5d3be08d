import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../errors/app-error.ts';
import { hashPassword, isPassword } from './passwords.ts';

const isRefused = (error: unknown): boolean => error instanceof AppError && error.code === 'VALIDATION_ERROR';

test('a password is kept as argon2id with the costs of OWASP, never the same twice, and known again', async () => {
  const [one, two] = await Promise.all([1, 2].map(() => hashPassword('correct horse battery', { name: 'ada' })));
  assert.match(one ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(one, two);
  assert.equal(await isPassword('correct horse battery', one), true);
  assert.equal(await isPassword('correct horse batterz', one), false);
});

test('letters that are written in two ways are the same', async () => {
  const stored = await hashPassword('pa\u0308sswort mit umlaut', { name: 'ada' });
  assert.equal(await isPassword('p\u00e4sswort mit umlaut', stored), true);
});

test('without a hash nothing is right, and the work is done all the same', async () => {
  assert.equal(await isPassword('correct horse battery', undefined), false);
});

test('what is short, long, or the name of the user is refused', async () => {
  for (const password of ['', 'eleven char', 'x'.repeat(257), 'ada.lovelace', 'ada.lovelace1'])
    await assert.rejects(hashPassword(password, { name: 'ada.lovelace' }), isRefused, password);
});

test('too many at once are turned away, and there is room again afterwards', async () => {
  const stored = await hashPassword('correct horse battery', { name: 'ada' });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, () => isPassword('correct horse battery', stored)),
  );
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 0 && refused.length < 60);
  assert.equal(await isPassword('correct horse battery', stored), true);
});
