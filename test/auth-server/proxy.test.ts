import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';
import { Visitor } from './visitor.ts';

const PUBLIC = 'https://box.example.com/tools';
const REDIRECT = 'http://127.0.0.1:9/callback';

/** Behind a proxy with a certificate, under a path, which the proxy may or may not take away. */
let stage: Stage;
beforeFirst(async () => {
  stage = await startStage({ publicUrl: PUBLIC });
});
afterLast(() => stage[Symbol.asyncDispose]());

const register = async (): Promise<string> => {
  const body = JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${stage.url}/oauth/register`, { method: 'POST', headers, body });
  return z.object({ client_id: z.string() }).parse(await response.json()).client_id;
};

for (const [what, strip] of [
  ['takes its path away', (path: string) => path.replace('/tools/', '/')],
  ['leaves its path', (path: string) => path],
] as const) {
  test(`behind a proxy that ${what} everything has the public address, and cookies travel over TLS alone`, async () => {
    const via = ({ pathname, search }: URL) => new URL(strip(pathname) + search, stage.url);
    const visitor = new Visitor({ via });
    const challenge = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
    const query = { client_id: await register(), redirect_uri: REDIRECT, response_type: 'code', ...challenge };
    const page = await visitor.go(new URL(`${PUBLIC}/oauth/authorize?${new URLSearchParams(query)}`));
    assert.match(page.url.href, /^https:\/\/box\.example\.com\/tools\/oauth\/interaction\//);
    const consent = await visitor.press(page, 'login', { name: 'ada', password: PASSWORD });
    // Who asks for nothing by name asks for the tools.
    assert.match(consent.text, /\(mcp:tools\)/);
    const { searchParams } = (await visitor.press(consent, 'consent')).url;
    assert.equal(searchParams.get('iss'), PUBLIC);
    assert.ok(searchParams.get('code'));
    for (const cookie of visitor.setCookies) assert.match(cookie, /; secure/i);
  });
}

test('its metadata is found at every place where clients look, and believes no header', async () => {
  const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' };
  for (const path of [
    '/.well-known/oauth-authorization-server/tools',
    '/.well-known/openid-configuration/tools',
    '/tools/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server',
  ]) {
    const response = await fetch(stage.url + path, { headers });
    const { issuer, token_endpoint } = z.looseObject({}).parse(await response.json());
    assert.deepEqual([issuer, token_endpoint], [PUBLIC, `${PUBLIC}/oauth/token`], path);
  }
});
