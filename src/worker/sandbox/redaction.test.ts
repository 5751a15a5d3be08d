import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { redactObject, redactText, StreamRedactor, TextRedactor } from './redaction.ts';
import { namesSecrets, resolveSecrets } from './secrets.ts';

const secrets = [
  { name: 'short', value: 'abc' },
  { name: 'long', value: 'abcabd' },
  { name: 'other', value: 'xyzzy' },
];

function redactIn(text: string, sizes: readonly number[]): string {
  const redactor = new StreamRedactor(secrets);
  const bytes = Buffer.from(text);
  let shown = '';
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    shown += redactor.push(bytes.subarray(at, at + size)).toString('latin1');
    at += size;
  }
  return shown + redactor.flush().toString('latin1');
}

describe('redaction', () => {
  it('masks a secret that arrives in two pieces', () => {
    assert.equal(redactIn('say xyzzy!', [6, 10]), 'say [secret:other]!');
  });

  it('prefers the longer of two secrets with the same beginning', () => {
    assert.equal(redactIn('abcabd abcab', [4]), '[secret:long] [secret:short]ab');
  });

  it('gives the same result however the stream is cut', () => {
    const letters = fc.constantFrom('a', 'b', 'c', 'd', 'x', 'y', 'z', 'abc', 'abcabd', 'xyzzy');
    const text = fc.array(letters, { maxLength: 30 }).map(parts => parts.join(''));
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(text, sizes, (value, cuts) => {
        const whole = redactIn(value, [1000]);
        assert.equal(redactIn(value, cuts), whole);
        assert.equal(redactText(value, secrets), whole);
        for (const secret of secrets) assert.ok(!whole.includes(secret.value));
      }),
    );
  });

  it('holds back only what may become a secret', () => {
    const redactor = new TextRedactor([...secrets, { name: 'high', value: 'a🦉b' }]);
    const shown = ['hello', ' xyz', 'zy and xy', ', a\ud83e', '\udd89', 'b.'].map(piece => redactor.push(piece));
    assert.deepEqual(shown, ['hello', ' ', '[secret:other] and ', 'xy, ', '', '[secret:high].']);
    assert.equal(redactor.flush(), '');
  });

  it('masks strings at any depth of a value', () => {
    const value = { a: ['pre xyzzy post', 1, null], b: { c: 'abc' } };
    assert.deepEqual(redactObject(value, secrets), {
      a: ['pre [secret:other] post', 1, null],
      b: { c: '[secret:short]' },
    });
  });
});

describe('secrets', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-secrets-'));
    await writeFile(join(directory, 'token'), 's3cret\n', { mode: 0o600 });
    await writeFile(join(directory, 'loose'), 's3cret', { mode: 0o600 });
    await chmod(join(directory, 'loose'), 0o640);
    await symlink(join(directory, 'token'), join(directory, 'link'));
  });
  after(() => rm(directory, { recursive: true }));

  it('takes the place of values that name it', async () => {
    const env = { PLAIN: 'x', TOKEN: 'secret:token' };
    assert.equal(namesSecrets(env), true);
    assert.equal(namesSecrets({ PLAIN: 'x' }), false);
    assert.deepEqual(await resolveSecrets(env, directory), {
      env: { PLAIN: 'x', TOKEN: 's3cret' },
      secrets: [{ name: 'token', value: 's3cret' }],
    });
  });

  for (const name of ['loose', 'link', 'absent', '../token', '', '.']) {
    it(`is refused under the name ${JSON.stringify(name)}`, async () => {
      await assert.rejects(resolveSecrets({ A: `secret:${name}` }, directory), { code: 'POLICY_DENIED' });
    });
  }

  it('is refused where the operator has no directory for it', async () => {
    await assert.rejects(resolveSecrets({ A: 'secret:token' }, undefined), { code: 'POLICY_DENIED' });
  });
});
