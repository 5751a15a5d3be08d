import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authSchema, issuersOf } from './auth.ts';
import { settingsFromEnvironment } from './environment.ts';

const issuers = (auth: object) => issuersOf(authSchema.parse(auth));

test('no issuer is known unless one is named', () => {
  assert.deepEqual(issuers({}), []);
  assert.equal(authSchema.parse({}).required, false);
});

test('an issuer is named by its host, and described where there is more to say', () => {
  const issuer = 'https://login.example.com/tenant';
  assert.deepEqual(
    issuers({ issuer }).map(one => [one.name, one.issuer]),
    [['login.example.com', issuer]],
  );
  const entry = { name: 'codez-mcp', resource_url: 'https://box.example.com/mcp', scopes: ['mcp:tools'] };
  assert.deepEqual(issuers({ issuer, issuers: [entry] }), [{ ...entry, issuer, audience: undefined }]);
  assert.deepEqual(
    issuers({ issuer, audience: 'api://box', issuers: [{ issuer: 'https://b.example', audience: 'b' }] }).map(
      ({ name, audience }) => [name, audience],
    ),
    [
      ['login.example.com', 'api://box'],
      ['b.example', 'b'],
    ],
  );
});

test('what cannot be told apart, or names nobody, is refused', () => {
  const bad: [object, RegExp][] = [
    [{ issuers: [{ name: 'a' }] }, /needs auth.issuer/],
    [{ issuers: [{ issuer: 'https://a.example/x' }, { issuer: 'https://a.example/y' }] }, /a.example is taken/],
    [{ issuers: [{ issuer: 'https://a.example', name: 'user' }] }, /user is taken/],
    [{ issuers: [{ issuer: 'http://local', name: undefined }] }, /local is taken/],
    [{ issuer: 'https://a.example', issuers: [{ name: 'a' }, { name: 'b' }] }, /one entry only/],
    [{ issuers: [{ issuer: 'https://a.example', audience: 'a', resource_url: 'b' }] }, /mean the same/],
    [{ issuers: [{ issuer: 'ftp://a.example' }] }, /./],
    [{ issuers: [{ issuer: 'https://a.example', name: 'a:b' }] }, /./],
    [{ issuers: [{ issuer: 'https://a.example', secret: 'x' }] }, /./],
  ];
  for (const [auth, message] of bad) {
    const { error } = authSchema.safeParse(auth);
    assert.match(error?.message ?? '', message, JSON.stringify(auth));
  }
});

test('AUTHKIT_URL names the issuer, unless the variable of today does', () => {
  const issuer = (env: Record<string, string>) =>
    settingsFromEnvironment(env, () => {}).findLast(({ path }) => path === 'auth.issuer')?.value;
  assert.equal(issuer({ AUTHKIT_URL: 'https://authkit.example.com' }), 'https://authkit.example.com');
  assert.equal(
    issuer({ AUTHKIT_URL: 'https://a.example', BOXSWAIN_AUTH_ISSUER: 'https://b.example' }),
    'https://b.example',
  );
});
