import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { scratchDirectory } from '../support/server.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';
import { Visitor } from './visitor.ts';

const REDIRECT = 'http://127.0.0.1/callback';

/** Where a client describes itself, by https, on this machine: which the guards let be asked in these tests alone. */
let home: Server;
let stage: Stage;
let guarded: Stage;
let address = '';
let answer: { status: number; body: string; headers?: Record<string, string> } = { status: 500, body: '' };
const asked: string[] = [];

beforeFirst(async () => {
  const scratch = await scratchDirectory();
  const at = (name: string) => join(scratch.path, name);
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const files = ['-keyout', at('key.pem'), '-out', at('cert.pem')];
  await promisify(execFile)('openssl', ['req', '-x509', '-nodes', '-days', '2', ...curve, ...files, ...subject]);
  const [key, cert] = await Promise.all([readFile(at('key.pem'), 'utf8'), readFile(at('cert.pem'), 'utf8')]);
  await scratch.remove();
  home = createServer({ key, cert }, (request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
  });
  await once(home.listen(0, '127.0.0.1'), 'listening');
  const bound = home.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  address = `https://localhost:${port}`;
  stage = await startStage({
    guards: { mayReach: ip => ip === '127.0.0.1', ports: new Set([String(port)]), ca: cert },
  });
  guarded = await startStage({ store: stage.store });
});
afterLast(async () => {
  await guarded[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  home.close();
  home.closeAllConnections();
});
beforeEach(() => {
  asked.length = 0;
});

const described = (path: string, patch: Record<string, unknown> = {}): string => {
  const client_id = `${address}${path}`;
  const usual = { client_id, client_name: 'Described', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' };
  answer = { status: 200, body: JSON.stringify({ ...usual, ...patch }) };
  return client_id;
};

const begin = async (client_id: string, { url } = stage, redirect_uri = 'http://127.0.0.1:4711/callback') => {
  const at = new URL('/oauth/authorize', url);
  const challenge = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
  const query = { client_id, redirect_uri, response_type: 'code', scope: 'sandbox:read', ...challenge };
  for (const [name, value] of Object.entries(query)) at.searchParams.set(name, value);
  const visitor = new Visitor();
  return { visitor, page: await visitor.go(at) };
};

test('a client whose id is an address is known by what is described there, and its host is shown', async () => {
  const client_id = described('/client.json', { scope: 'whatever it likes' });
  const { visitor, page } = await begin(client_id);
  assert.match(
    page.text,
    /<strong>Described<\/strong> asks for access\. It describes itself at <strong>localhost:\d+</,
  );
  const consent = await visitor.press(page, 'login', { name: 'ada', password: PASSWORD });
  const code = (await visitor.press(consent, 'consent')).url.searchParams.get('code') ?? '';
  const response = await fetch(`${stage.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      ...{ grant_type: 'authorization_code', code, client_id, redirect_uri: 'http://127.0.0.1:4711/callback' },
      code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    }),
  });
  const { access_token } = z.looseObject({ access_token: z.string() }).parse(await response.json());
  const headers = { authorization: `Bearer ${access_token}` };
  assert.equal((await fetch(`${stage.url}/api/workspaces`, { headers })).status, 200);
  // It was asked for once, and remembered.
  assert.deepEqual(asked, ['/client.json']);
});

test('a description that is not the one of that address, or is unsafe, makes no client', async () => {
  const long = JSON.stringify({ text: 'x'.repeat(40_000) });
  const spoilt = (id: string, patch: Partial<typeof answer>): void => {
    described(id);
    answer = { ...answer, ...patch };
  };
  for (const [at, spoil] of [
    ['/id', (id: string) => described(id, { client_id: `${address}/other` })],
    ['/secret', (id: string) => described(id, { client_secret: 'shared' })],
    ['/method', (id: string) => described(id, { token_endpoint_auth_method: 'client_secret_post' })],
    ['/uri', (id: string) => described(id, { redirect_uris: ['http://example.com/'] })],
    ['/gone', (id: string) => spoilt(id, { status: 404 })],
    ['/moved', (id: string) => spoilt(id, { status: 302, headers: { location: `${address}/x` } })],
    ['/text', (id: string) => spoilt(id, { body: 'not JSON' })],
    ['/long', (id: string) => spoilt(id, { body: long })],
  ] as const) {
    spoil(at);
    const { page } = await begin(`${address}${at}`, stage, 'http://example.com/');
    assert.equal(page.status, 400, at);
    assert.deepEqual(asked.splice(0), [at]);
  }
});

test('only what everybody can reach is asked: no address of this machine or its network, at no other port', async () => {
  for (const client_id of [
    described('/private.json'),
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://localhost/x',
    'https://169.254.169.254/latest/meta-data',
    'https://10.1.2.3/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://2130706433/x',
  ]) {
    const { page } = await begin(client_id, guarded);
    assert.equal(page.status, 400, client_id);
  }
  assert.deepEqual(asked, []);
});
