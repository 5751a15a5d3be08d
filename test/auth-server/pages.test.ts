import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';
import { type Seen, Visitor } from './visitor.ts';

const REDIRECT = 'http://127.0.0.1:9/callback';
/** Of the verifier that RFC 7636 has as its example. */
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

let stage: Stage;
let clientId = '';
beforeFirst(async () => {
  stage = await startStage();
  clientId = await registered({ client_name: '<img src=x onerror=alert(1)> "\u202eevil"' });
});
afterLast(() => stage[Symbol.asyncDispose]());

async function register(metadata: Record<string, unknown>): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${stage.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', ...metadata }),
  });
  return { status: response.status, body: z.looseObject({}).parse(await response.json()) };
}

const registered = async (metadata: Record<string, unknown>): Promise<string> =>
  z.string().parse((await register(metadata)).body.client_id);

function authorizeUrl(patch: Record<string, string | undefined> = {}): URL {
  const url = new URL('/oauth/authorize', stage.url);
  const usual = {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: REDIRECT,
    state: 's',
    scope: 'sandbox:read',
  };
  const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };
  for (const [name, value] of Object.entries({ ...usual, ...pkce, ...patch })) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

const begun = async (patch: Record<string, string | undefined> = {}, visitor = new Visitor()) => ({
  visitor,
  page: await visitor.go(authorizeUrl(patch)),
});
const consenting = async (user = 'ada', patch: Record<string, string | undefined> = {}) => {
  const { visitor, page } = await begun(patch);
  return { visitor, page: await visitor.press(page, 'login', { name: user, password: PASSWORD }) };
};
const isHarmless = ({ text, headers }: Seen): void => {
  assert.doesNotMatch(text, /<script|<img|javascript:|<[^>]* on\w+=|https?:\/\//);
  const policy = headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/);
  assert.match(policy, /base-uri 'none'; frame-ancestors 'none'$/);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('x-frame-options'), 'DENY');
};

describe('the sign-in page', () => {
  test('runs nothing, loads nothing, and shows what a client calls itself as text', async () => {
    const { page } = await begun();
    assert.equal(page.status, 200);
    isHarmless(page);
    assert.match(page.text, /&lt;img src=x onerror=alert\(1\)&gt; &quot;\ufffdevil&quot;/);
    assert.match(page.text, /a program on your own computer \(127\.0\.0\.1:9\)/);
    for (const field of ['name', 'password'])
      assert.match(page.text, new RegExp(`<label for="${field}">.*\\n<input id="${field}"`));
  });

  test('says the same of a wrong password, an unknown user and a name that nobody can have', async () => {
    const { visitor, page } = await begun();
    const answers = [];
    for (const name of ['ada', 'nobody', '../x']) {
      const seen = await visitor.press(page, 'login', { name, password: 'not the right one' });
      assert.equal(seen.status, 401);
      answers.push(seen.text.replaceAll(`value="${name}"`, ''));
    }
    assert.equal(new Set(answers).size, 1);
    assert.match(answers[0] ?? '', /role="alert"/);
    const right = await visitor.press(page, 'login', { name: ' ADA ', password: PASSWORD });
    assert.match(right.text, /Allow access/);
  });

  test('lets nobody in for a while after five failed attempts, and an operator can end that', async () => {
    await stage.users.add({ name: 'mia', password: PASSWORD });
    const { visitor, page } = await begun();
    const attempt = (password: string) => visitor.press(page, 'login', { name: 'mia', password });
    const [wrong] = [
      await attempt('wrong password'),
      ...(await Promise.all([1, 2, 3, 4].map(() => attempt('wrong again')))),
    ];
    const blocked = await attempt(PASSWORD);
    assert.equal(blocked.status, 401);
    assert.equal(blocked.text, wrong?.text);
    await stage.users.unlock('mia');
    assert.match((await attempt(PASSWORD)).text, /signed in as <strong>mia/);
  });

  test('belongs to one browser, and to no other site', async () => {
    const { visitor, page } = await begun();
    const fields = { name: 'ada', password: PASSWORD };
    const [, action = ''] = /action="([^"]*\/login)"/.exec(page.text) ?? [];
    const url = new URL(action, stage.url);
    assert.equal((await new Visitor().go(url, { fields })).status, 400);
    assert.equal((await visitor.go(url, { fields, headers: { 'sec-fetch-site': 'cross-site' } })).status, 400);
    assert.equal((await visitor.go(url, { fields, headers: { origin: 'https://evil.example' } })).status, 403);
    assert.equal((await visitor.go(url, { fields, headers: { origin: 'null' } })).status, 403);
    assert.equal((await visitor.go(new URL(`${url.href}x`), { fields })).status, 404);
    assert.equal((await visitor.go(url, { fields })).status, 200);
  });

  test('sets cookies that no script reads and no other site sends', async () => {
    const { visitor } = await consenting();
    assert.ok(visitor.setCookies.length >= 3);
    for (const cookie of visitor.setCookies) {
      assert.match(cookie, /; httponly/i);
      assert.match(cookie, /; samesite=lax/i);
      assert.doesNotMatch(cookie, /; secure/i);
    }
  });
});

describe('the consent page', () => {
  test('names what is asked for in plain words, and may lead to the client alone', async () => {
    const { page } = await consenting('ada', { scope: 'sandbox:read sessions:write nonsense' });
    isHarmless(page);
    assert.match(page.headers.get('content-security-policy') ?? '', /form-action 'self' http:\/\/127\.0\.0\.1:9;/);
    assert.match(page.text, /look at your workspaces/);
    assert.match(page.text, /start and direct coding agents/);
    assert.doesNotMatch(page.text, /nonsense/);
  });

  test('is shown each time, though the browser is signed in, and the answer goes to the client', async () => {
    const { visitor, page } = await consenting();
    const { searchParams } = (await visitor.press(page, 'consent')).url;
    assert.ok(searchParams.get('code'));
    assert.equal(searchParams.get('state'), 's');
    assert.equal(searchParams.get('iss'), stage.url);
    const again = await begun({}, visitor);
    assert.match(again.page.text, /signed in as <strong>ada/);
    const silent = (await begun({ prompt: 'none' }, visitor)).page.url;
    assert.equal(silent.searchParams.get('error'), 'consent_required');
  });

  test('can be declined', async () => {
    const { visitor, page } = await consenting();
    assert.equal((await visitor.press(page, 'deny')).url.searchParams.get('error'), 'access_denied');
  });

  test('offers nothing to a user who may do nothing of it', async () => {
    const { page } = await consenting('rob', { scope: 'fleet:write' });
    assert.match(page.text, /may do nothing of what is asked for/);
    assert.doesNotMatch(page.text, /\/consent"/);
  });

  test('lets somebody else sign in, after whom the first one is not signed in any more', async () => {
    const { visitor, page } = await consenting();
    const signIn = await visitor.press(page, 'switch');
    const rob = await visitor.press(signIn, 'login', { name: 'rob', password: PASSWORD });
    assert.match(rob.text, /signed in as <strong>rob/);
    assert.match((await begun({}, visitor)).page.text, /signed in as <strong>rob/);
  });
});

describe('a request to sign in', () => {
  test('without PKCE, or with a plain challenge, is refused', async () => {
    for (const patch of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: 'plain' },
      { code_challenge_method: undefined },
    ]) {
      const { url } = (await begun(patch)).page;
      assert.equal(url.searchParams.get('error'), 'invalid_request', JSON.stringify(patch));
    }
  });

  test('for another resource, or another kind of answer, is refused', async () => {
    assert.equal(
      (await begun({ resource: 'https://other.example/mcp' })).page.url.searchParams.get('error'),
      'invalid_target',
    );
    for (const response_type of ['token', 'id_token', 'code id_token'])
      assert.match((await begun({ response_type })).page.url.href, /error=(unsupported_response_type|invalid_request)/);
  });

  test('is good for the server under any of its names', async () => {
    for (const path of ['', '/', '/mcp', '/mcp/', '/mcp/x/core'])
      assert.match((await begun({ resource: `${stage.url}${path}` })).page.text, /Sign in/, path);
  });

  test('that names an unknown client, or leads elsewhere, leads nowhere', async () => {
    for (const patch of [{ client_id: 'nobody' }, { redirect_uri: 'https://evil.example/' }]) {
      const { page } = await begun(patch);
      assert.equal(page.status, 400);
      assert.match(page.text, /That did not work/);
      isHarmless(page);
    }
  });

  test('may lead to another port of the own machine than was registered', async () => {
    assert.match((await begun({ redirect_uri: 'http://127.0.0.1:4711/callback' })).page.text, /127\.0\.0\.1:4711/);
    assert.equal((await begun({ redirect_uri: 'http://127.0.0.1:4711/other' })).page.status, 400);
  });
});

describe('a client that registers', () => {
  test('may not lead its users over the open net in the clear, nor to a script', async () => {
    for (const uri of [
      'http://example.com/cb',
      'javascript:alert(1)',
      'data:text/html,x',
      'https://a:b@example.com/',
    ]) {
      for (const application_type of ['web', 'native'])
        assert.equal((await register({ redirect_uris: [uri], application_type })).status, 400, uri);
    }
    for (const uri of ['https://example.com/cb', 'cursor://anysphere.cursor/callback'])
      assert.equal((await register({ redirect_uris: [uri], application_type: 'native' })).status, 201, uri);
  });

  test('may not do so without end', async () => {
    const statuses = [];
    for (let at = 0; at < 40; at++) statuses.push((await register({})).status);
    assert.ok(statuses.includes(429), statuses.join(' '));
  });
});

test('the server describes itself where clients look', async () => {
  const [first, second] = await Promise.all(
    ['oauth-authorization-server', 'openid-configuration'].map(async name => {
      const response = await fetch(`${stage.url}/.well-known/${name}`);
      return z.looseObject({}).parse(await response.json());
    }),
  );
  assert.deepEqual(first, second);
  const at = (path: string) => `${stage.url}/oauth/${path}`;
  const expected = {
    issuer: stage.url,
    authorization_endpoint: at('authorize'),
    token_endpoint: at('token'),
    registration_endpoint: at('register'),
    revocation_endpoint: at('revoke'),
    jwks_uri: at('jwks'),
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    client_id_metadata_document_supported: true,
  };
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(first?.[name], value, name);
  const keys = await (await fetch(at('jwks'))).text();
  assert.doesNotMatch(keys, /"d"/);
});

test('a server without it has none of its paths', async () => {
  const { startTestServer } = await import('../mcp/stand-in.ts');
  await using plain = await startTestServer();
  for (const path of [
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/oauth/authorize',
  ])
    assert.equal((await fetch(plain.url + path)).status, 404, path);
});
