import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { generateKeyPair } from 'jose';
import { afterLast, beforeFirst } from '../../test/support/around-tests.ts';
import { startIssuer, type TestIssuer, type TokenOptions } from '../../test/support/issuer.ts';
import { authSchema } from '../config/auth.ts';
import { createAuthenticator } from './authenticate.ts';
import type { Verdict } from './verdict.ts';

const OURS = 'https://box.example.com/mcp';
const ORIGIN = 'https://box.example.com';
const FOREIGN = 'https://other.example.com/mcp';

let issuer: TestIssuer;
let other: TestIssuer;
let directory: string;
beforeFirst(async () => {
  [issuer, other] = await Promise.all([startIssuer(), startIssuer()]);
  directory = await mkdtemp(join(tmpdir(), 'boxswain-issuers-'));
});
afterLast(async () => {
  await Promise.all([issuer[Symbol.asyncDispose](), other[Symbol.asyncDispose](), rm(directory, { recursive: true })]);
});
afterEach(() => {
  issuer.failWith = undefined;
  issuer.describe({});
});

/** Of a server that trusts `issuer`, whose clock can be moved on. */
async function setUp(entry: Record<string, unknown> = {}, auth: Record<string, unknown> = {}) {
  const clock = { aheadMs: 0 };
  const authenticator = await createAuthenticator({
    config: authSchema.parse({ issuers: [{ issuer: issuer.url, name: 'test', ...entry }], ...auth }),
    audiences: () => [ORIGIN, OURS],
    now: () => Date.now() + clock.aheadMs,
    keyCooldownMs: 0,
  });
  return { authenticator, clock, judge: async (token: string) => await authenticator.authenticate(token) };
}

const callerOf = (verdict: Verdict) => ('caller' in verdict ? verdict.caller : assert.fail(verdict.refused));
const refusalOf = (verdict: Verdict) => ('refused' in verdict ? verdict.refused : assert.fail('let in'));
const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow;

async function secretFile(mode = 0o600): Promise<string> {
  const path = join(directory, `secret-${mode.toString(8)}`);
  await writeFile(path, `${issuer.client.secret}\n`);
  await chmod(path, mode);
  return path;
}
const introspected = async () => ({
  introspection: { client_id: issuer.client.id, client_secret_file: await secretFile() },
});

describe('a signed token', () => {
  test('of a known issuer for this resource lets its subject in, with its scopes, teams and name', async () => {
    const { judge } = await setUp({ team_claim: 'groups' });
    const claims = { scope: 'openid sandbox:write sessions:read', groups: ['crew'], name: 'Alice' };
    const caller = callerOf(await judge(await issuer.sign(OURS, { claims })));
    assert.equal(caller.id, 'test:alice');
    assert.deepEqual([...caller.scopes].sort(), ['sandbox:read', 'sandbox:write', 'sessions:read']);
    assert.deepEqual([[...caller.teams], caller.name], [['crew'], 'Alice']);
  });

  const accepted: [string, string | string[], TokenOptions][] = [
    ['for the whole of this server', ORIGIN, {}],
    ['with a slash more in its audience', `${ORIGIN}/`, {}],
    ['of the type JWT', OURS, { header: { typ: 'JWT' } }],
    ['of the type application/at+jwt', OURS, { header: { typ: 'application/at+jwt' } }],
    ['that names no type', OURS, { header: { typ: undefined } }],
    ['that expired within what clocks may differ', OURS, { claims: { exp: seconds(-2) } }],
    ['whose time begins within what clocks may differ', OURS, { claims: { nbf: seconds(5) } }],
  ];
  for (const [what, audience, options] of accepted) {
    test(`${what} is good`, async () => {
      const { judge } = await setUp();
      callerOf(await judge(await issuer.sign(audience, options)));
    });
  }

  test('that names the issuer as an audience too is good', async () => {
    const { judge } = await setUp();
    callerOf(await judge(await issuer.sign([OURS, `${issuer.url}/userinfo`])));
  });

  const refused: [string, string | string[] | undefined, TokenOptions, RegExp][] = [
    ['for another resource', FOREIGN, {}, /another resource/],
    ['for another resource too', [OURS, FOREIGN], {}, /another resource too/],
    ['for something that only begins like this one', `${OURS}x`, {}, /another resource/],
    ['without an audience', undefined, {}, /aud/],
    ['of another issuer', OURS, { claims: { iss: 'https://evil.example' } }, /issuer that is not known/],
    ['without an issuer', OURS, { without: ['iss'] }, /issuer/],
    ['that expired', OURS, { claims: { exp: seconds(-60) } }, /expired/],
    ['without an end', OURS, { without: ['exp'] }, /exp/],
    ['whose time has not begun', OURS, { claims: { nbf: seconds(60) } }, /nbf/],
    ['without a subject', OURS, { without: ['sub'] }, /sub/],
    ['whose subject holds a blank', OURS, { claims: { sub: 'alice bob' } }, /subject/],
    ['that announces a logout', OURS, { header: { typ: 'logout+jwt' } }, /another type/],
    ['that is bound to a key', OURS, { claims: { cnf: { jkt: 'x' } } }, /bound to a key/],
    ['of an unknown key', OURS, { header: { kid: 'nobody' } }, /no applicable key/],
  ];
  for (const [what, audience, options, reason] of refused) {
    test(`${what} is refused`, async () => {
      const { judge } = await setUp();
      assert.match(refusalOf(await judge(await issuer.sign(audience, options))), reason);
    });
  }

  test('whose key is not that of the issuer is refused', async () => {
    const { judge } = await setUp();
    const { privateKey } = await generateKeyPair('ES256');
    assert.match(refusalOf(await judge(await issuer.sign(OURS, { key: privateKey }))), /signature/);
  });

  test('of one known issuer with the keys of another is refused', async () => {
    const { judge } = await setUp({}, { issuers: [{ issuer: issuer.url }, { issuer: other.url }] });
    const claims = { iss: issuer.url };
    assert.match(refusalOf(await judge(await other.sign(OURS, { claims }))), /signature/);
    assert.match(callerOf(await judge(await other.sign(OURS))).id, /^127\.0\.0\.1:\d+:alice$/);
  });

  test('whose payload was changed is refused', async () => {
    const { judge } = await setUp();
    const [header, , signature] = (await issuer.sign(OURS)).split('.');
    const [, payload] = (await issuer.sign(OURS, { claims: { sub: 'admin' } })).split('.');
    assert.match(refusalOf(await judge(`${header}.${payload}.${signature}`)), /signature/);
  });

  for (const alg of ['none', 'HS256', 'HS512']) {
    test(`with alg ${alg} is refused, also when it is signed with the public key`, async () => {
      const { judge } = await setUp();
      const [, payload] = (await issuer.sign(OURS)).split('.');
      const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: issuer.publicJwk().kid })).toString(
        'base64url',
      );
      const key = JSON.stringify(issuer.publicJwk());
      const digest = alg === 'HS512' ? 'sha512' : 'sha256';
      const signature =
        alg === 'none' ? '' : createHmac(digest, key).update(`${header}.${payload}`).digest('base64url');
      assert.match(refusalOf(await judge(`${header}.${payload}.${signature}`)), /alg/i);
    });
  }

  test('of a key that came later is good, and one of a key that went is not', async () => {
    const { judge, authenticator } = await setUp();
    const old = await issuer.sign(OURS);
    callerOf(await judge(old));
    await issuer.rotate();
    callerOf(await judge(await issuer.sign(OURS)));
    authenticator.forget();
    refusalOf(await judge(old));
  });

  test('is judged once for many requests, and again after half a minute', async () => {
    const { judge, clock } = await setUp(await introspected());
    const token = await issuer.sign(OURS);
    issuer.say(token, { sub: 'alice' });
    const asked = () => issuer.asked.filter(path => path === '/introspect').length;
    const earlier = asked();
    await Promise.all([judge(token), judge(token)]);
    callerOf(await judge(token));
    assert.equal(asked(), earlier + 1);
    clock.aheadMs = 31_000;
    callerOf(await judge(token));
    assert.equal(asked(), earlier + 2);
  });

  test('that was revoked is refused within half a minute, where the issuer is asked', async () => {
    const { judge, clock } = await setUp(await introspected());
    const token = await issuer.sign(OURS);
    issuer.say(token, { sub: 'alice' });
    callerOf(await judge(token));
    issuer.say(token, undefined);
    clock.aheadMs = 31_000;
    assert.equal(refusalOf(await judge(token)), 'revoked');
  });

  test('is not remembered beyond its end', async () => {
    const { judge, clock } = await setUp();
    const token = await issuer.sign(OURS, { claims: { exp: seconds(5) } });
    callerOf(await judge(token));
    clock.aheadMs = 16_000;
    assert.deepEqual(await judge(token), { refused: 'expired', isExpired: true });
  });

  for (const alg of ['RS256', 'EdDSA']) {
    test(`that is signed with ${alg} is good`, async () => {
      await using signer = await startIssuer({ alg });
      const { judge } = await setUp({}, { issuers: [{ issuer: signer.url, name: 'signer' }] });
      assert.equal(callerOf(await judge(await signer.sign(OURS))).id, 'signer:alice');
    });
  }
});

describe('scopes', () => {
  const scopesOf = async (entry: Record<string, unknown>, claims: Record<string, unknown>) => {
    const { judge } = await setUp(entry);
    return [...callerOf(await judge(await issuer.sign(OURS, { claims }))).scopes].sort();
  };
  const everyToolset = ['codegen', 'fleet', 'sandbox', 'sessions'].flatMap(name => [`${name}:read`, `${name}:write`]);

  test('that mean nothing here give nothing', async () => {
    assert.deepEqual(await scopesOf({}, { scope: 'openid offline_access other:write' }), []);
  });
  test('of the earlier systems give read and write of every toolset, and not admin', async () => {
    assert.deepEqual(await scopesOf({}, { scope: 'mcp:tools' }), [...everyToolset, 'mcp:tools'].sort());
  });
  test('are at most those that the configuration lets the issuer give', async () => {
    assert.deepEqual(await scopesOf({ scopes: ['sandbox:read'] }, { scope: 'admin mcp:tools' }), ['sandbox:read']);
  });
  test('may be a list, and under the name that some servers use', async () => {
    assert.deepEqual(await scopesOf({}, { scope: undefined, scp: ['fleet:read'] }), ['fleet:read']);
  });
  test('that a token does not name are those of the configuration, or none', async () => {
    assert.deepEqual(await scopesOf({ scopes: ['fleet:read'] }, { scope: undefined }), ['fleet:read']);
    assert.deepEqual(await scopesOf({}, { scope: undefined }), []);
  });
});

describe('an opaque token', () => {
  const said = { sub: 'alice', aud: OURS, scope: 'sandbox:read' };

  test('lets in whom introspection names', async () => {
    const { judge } = await setUp(await introspected());
    issuer.say('opaque-1', { ...said, exp: seconds(60) });
    const verdict = await judge('opaque-1');
    assert.deepEqual([callerOf(verdict).id, [...callerOf(verdict).scopes]], ['test:alice', ['sandbox:read']]);
    assert.equal(refusalOf(await judge('opaque-2')), 'not active');
  });

  const refused: [string, () => Record<string, unknown>][] = [
    ['for another resource', () => ({ aud: FOREIGN })],
    ['that names no audience', () => ({ aud: undefined })],
    ['that expired', () => ({ exp: seconds(-60) })],
    ['of another issuer', () => ({ iss: other.url })],
    ['that is bound to a key', () => ({ token_type: 'DPoP' })],
  ];
  for (const [what, patch] of refused) {
    test(`${what} is refused, although it is active`, async () => {
      const { judge } = await setUp(await introspected());
      issuer.say('opaque-3', { ...said, ...patch() });
      refusalOf(await judge('opaque-3'));
    });
  }

  test('that is a refresh token is nothing here, and nobody is asked about one without introspection', async () => {
    const { judge } = await setUp();
    issuer.say('opaque-4', said);
    const earlier = issuer.asked.length;
    assert.match(refusalOf(await judge('opaque-4')), /no issuer tells/);
    assert.deepEqual(
      issuer.asked.slice(earlier).filter(path => !path.startsWith('/.well-known')),
      [],
    );
  });

  test('of MCPAuthKit lets in whom its userinfo names, with mcp:tools', async () => {
    issuer.describe({ jwks_uri: undefined, introspection_endpoint: undefined });
    const { judge } = await setUp({}, { issuer: issuer.url, issuers: [] });
    issuer.say('mat_1', { sub: 'usr_1', email: 'a@example.com', name: 'A' });
    const caller = callerOf(await judge('mat_1'));
    assert.match(caller.id, /^127\.0\.0\.1:\d+:usr_1$/);
    assert.ok(caller.scopes.has('mcp:tools') && caller.scopes.has('sessions:write') && !caller.scopes.has('admin'));
    refusalOf(await judge('mat_2'));
  });

  test('of MCPAuthKit for another server is refused, where it says so', async () => {
    issuer.describe({ jwks_uri: undefined, introspection_endpoint: undefined });
    const entry = { name: 'codez-mcp', resource_url: OURS, scopes: ['mcp:tools'], issuer: undefined };
    const { judge } = await setUp(entry, { issuer: issuer.url, issuers: [entry] });
    for (const [token, resource_url] of [
      ['mat_3', OURS],
      ['mat_4', FOREIGN],
      ['mat_5', ORIGIN],
    ] as const)
      issuer.say(token, { sub: 'usr_1', resource_url });
    assert.equal(callerOf(await judge('mat_3')).id, 'codez-mcp:usr_1');
    refusalOf(await judge('mat_4'));
    refusalOf(await judge('mat_5'));
  });

  test('goes from issuer to issuer until one knows it', async () => {
    const both = {
      issuers: [
        { issuer: issuer.url, userinfo: true },
        { issuer: other.url, userinfo: true },
      ],
    };
    const { judge } = await setUp({}, both);
    other.say('opaque-6', { ...said, sub: 'bob' });
    assert.match(callerOf(await judge('opaque-6')).id, /:bob$/);
    issuer.failWith = 503;
    callerOf(await judge('opaque-6'));
    await assert.rejects(judge('opaque-7'), { code: 'SERVICE_UNAVAILABLE' });
  });
});

describe('an issuer', () => {
  test('that is away lets nobody in and refuses nobody: it can be tried again', async () => {
    const { judge } = await setUp(await introspected());
    const token = await issuer.sign(OURS);
    issuer.say(token, { sub: 'alice' });
    issuer.failWith = 500;
    await assert.rejects(judge(token), { code: 'SERVICE_UNAVAILABLE', details: { retry_after_seconds: 5 } });
    issuer.failWith = undefined;
    callerOf(await judge(token));
  });

  test('whose keys are away likewise', async () => {
    issuer.describe({ jwks_uri: `${issuer.url}/nowhere` });
    const { judge } = await setUp();
    await assert.rejects(judge(await issuer.sign(OURS)), { code: 'SERVICE_UNAVAILABLE' });
  });

  test('that refuses this server its own credentials likewise', async () => {
    const { judge } = await setUp({
      introspection: { client_id: 'somebody', client_secret_file: await secretFile() },
    });
    await assert.rejects(judge('opaque'), { code: 'SERVICE_UNAVAILABLE' });
  });

  test('whose metadata names another issuer is not believed', async () => {
    issuer.describe({ issuer: other.url });
    const { judge } = await setUp();
    await assert.rejects(judge(await issuer.sign(OURS)), { code: 'SERVICE_UNAVAILABLE' });
  });

  test('is asked with a secret that only this user can read', async () => {
    const file = await secretFile(0o644);
    const entry = { introspection: { client_id: issuer.client.id, client_secret_file: file } };
    await assert.rejects(setUp(entry), { code: 'VALIDATION_ERROR', message: /can be read by others/ });
  });
});
