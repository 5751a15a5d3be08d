import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { afterLast, beforeFirst } from '../../test/support/around-tests.ts';
import { startIssuer, type TestIssuer } from '../../test/support/issuer.ts';
import { configSchema } from '../config/config.ts';
import { authChecks } from './auth.ts';

let issuer: TestIssuer;
beforeFirst(async () => {
  issuer = await startIssuer();
});
afterLast(() => issuer[Symbol.asyncDispose]());
afterEach(() => {
  issuer.failWith = undefined;
  issuer.describe({});
});

const PUBLIC = 'https://box.example.com';
const look = async (settings: { auth?: object; http?: object }) =>
  (await authChecks(configSchema.parse({ directory: '/nowhere', ...settings }))).map(
    ({ name, state, detail, fix }) => ({
      ...{ name, state, fix },
      text: detail,
    }),
  );

test('without any configuration direct local requests and API tokens are let in', async () => {
  const [mode, ...rest] = await look({});
  assert.deepEqual([mode?.state, mode?.text, rest], ['ok', 'let in: direct local requests; API tokens', []]);
});

test('it is said when only tokens are let in, and whose', async () => {
  const auth = { required: true, issuer: issuer.url, issuers: [{ name: 'company' }] };
  const [mode, judge] = await look({ auth, http: { public_url: PUBLIC } });
  assert.deepEqual([mode?.state, mode?.text], ['ok', 'let in: nobody without a token; API tokens, tokens of company']);
  assert.deepEqual([judge?.name, judge?.state], ['issuer company', 'ok']);
  assert.match(judge?.text ?? '', /signed tokens$/);
});

test('what others could not reach, or could listen to, is a warning', async () => {
  const [unnamed] = await look({ auth: { issuer: issuer.url } });
  assert.deepEqual([unnamed?.state, /http.public_url/.test(unnamed?.fix ?? '')], ['warn', true]);
  const [plain] = await look({ http: { host: '0.0.0.0', public_url: 'http://box.example.com' } });
  assert.deepEqual([plain?.state, /TLS/.test(plain?.fix ?? '')], ['warn', true]);
});

test('an issuer that cannot be asked is a failure that says why', async () => {
  const http = { public_url: PUBLIC };
  issuer.failWith = 503;
  const [, away] = await look({ auth: { issuer: issuer.url }, http });
  assert.deepEqual([away?.state, /does not answer: answered 503$/.test(away?.text ?? '')], ['fail', true]);
  assert.match(away?.fix ?? '', /check its address/);
  issuer.failWith = undefined;
  issuer.describe({ jwks_uri: undefined, userinfo_endpoint: undefined });
  const [, blind] = await look({ auth: { issuer: issuer.url }, http });
  assert.deepEqual([blind?.state, /no way to judge tokens/.test(blind?.text ?? '')], ['fail', true]);
  const introspection = { client_id: 'x', client_secret_file: '/nowhere/secret' };
  const [, secret] = await look({ auth: { issuers: [{ issuer: issuer.url, introspection }] }, http });
  assert.deepEqual([secret?.state, /cannot be read/.test(secret?.text ?? '')], ['fail', true]);
});

test('MCPAuthKit is asked by its userinfo', async () => {
  issuer.describe({ jwks_uri: undefined, introspection_endpoint: undefined });
  const [, judge] = await look({ auth: { issuer: issuer.url }, http: { public_url: PUBLIC } });
  assert.deepEqual([judge?.state, judge?.text.endsWith(': userinfo')], ['ok', true]);
});

test('the built-in server is looked at where it is on: it needs an address that clients can trust', async () => {
  const auth = { server: { enabled: true } };
  const [mode, own] = await look({ auth, http: { public_url: PUBLIC } });
  assert.match(mode?.text ?? '', /users who sign in here/);
  assert.deepEqual([own?.name, own?.state], ['sign-in', 'ok']);
  for (const http of [{}, { public_url: 'http://box.example.com' }]) {
    const [, refused] = await look({ auth, http });
    assert.deepEqual([refused?.name, refused?.state], ['sign-in', 'fail']);
    assert.match(refused?.fix ?? '', /auth enable|certificate/);
  }
});
