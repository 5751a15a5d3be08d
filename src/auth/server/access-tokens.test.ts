import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import type { Store } from '../../store/store.ts';
import { resourceAt } from '../resource.ts';
import type { TokenSource } from '../verdict.ts';
import { accessTokens } from './access-tokens.ts';
import { openKeys, replaceKeys, type ServerKeys } from './keys.ts';

const ISSUER = 'https://box.example.com';

let directory = '';
let store: Store;
let keys: ServerKeys;
let source: TokenSource;
beforeFirst(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokens-'));
  store = await createSqliteStore({ path: join(directory, 'records.db') });
  keys = await openKeys(store);
  source = accessTokens({ store, keys, issuer: ISSUER, resource: resourceAt(ISSUER) });
  await store.signIn.addUser({ name: 'ada', password: 'x', scopes: ['sandbox:write', 'fleet:read'], teams: ['web'] });
  await store.signIn.addUser({ name: 'bob', password: 'x', scopes: ['admin'], teams: [] });
  await store.signIn.put({ kind: 'Grant', id: 'g', payload: {}, account: 'ada', grantId: 'g', expiresInSeconds: 600 });
});
afterLast(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

const claims = { scope: 'mcp:tools openid', grant_id: 'g', sub: 'ada', aud: `${ISSUER}/mcp`, iss: ISSUER };
const inMinutes = (minutes: number): number => Math.floor(Date.now() / 1000) + minutes * 60;

async function sign(patch: Record<string, unknown> = {}, { typ = 'at+jwt', by = keys } = {}): Promise<string> {
  const [key] = by.signing;
  assert.ok(key);
  const said = { ...claims, exp: inMinutes(10), ...patch };
  return await new SignJWT(said)
    .setProtectedHeader({ alg: 'ES256', kid: keys.signing[0]?.kid, typ })
    .sign(await importJWK(key, 'ES256'));
}
const refusal = async (token: string): Promise<string | undefined> => {
  const verdict = await source.verify(token);
  return 'refused' in verdict ? verdict.refused : undefined;
};

test('a token stands for its user, with what both the user and the token may do', async () => {
  const token = await sign();
  assert.equal(source.judges(token), true);
  const verdict = await source.verify(token);
  assert.ok('caller' in verdict);
  assert.equal(verdict.caller.id, 'user:ada');
  assert.deepEqual([...verdict.caller.scopes].sort(), ['fleet:read', 'sandbox:read', 'sandbox:write']);
  assert.deepEqual([...verdict.caller.teams], ['web']);
  assert.ok(verdict.expiresAt && verdict.expiresAt > Date.now());
});

test('whatever is not exactly that is refused', async () => {
  const other = { ...keys, signing: (await otherKeys()).signing };
  const cases: Record<string, string> = {
    'another key': await sign({}, { by: other }),
    'another audience': await sign({ aud: 'https://other.example/mcp' }),
    'no audience': await sign({ aud: undefined }),
    'another type': await sign({}, { typ: 'logout+jwt' }),
    'an ID token': await sign({}, { typ: 'JWT' }),
    expired: await sign({ exp: inMinutes(-1) }),
    'no end': await sign({ exp: undefined }),
    'no grant': await sign({ grant_id: undefined }),
    'unknown grant': await sign({ grant_id: 'h' }),
    "another user's grant": await sign({ sub: 'bob' }),
    unsigned: new UnsecuredJWT({ ...claims, exp: inMinutes(10) }).encode(),
  };
  for (const [what, token] of Object.entries(cases)) assert.equal(typeof (await refusal(token)), 'string', what);
  assert.equal(source.judges(await sign({ iss: 'https://other.example' })), false);
  assert.equal(source.judges('bxs_something'), false);
  assert.equal(await refusal(await sign()), undefined);
});

test('it is void as soon as its grant or its user is', async () => {
  const token = await sign();
  assert.equal(await refusal(token), undefined);
  await store.signIn.removeGrant('g');
  assert.match((await refusal(token)) ?? '', /revoked/);
});

test('while the records cannot be read nobody is let in, and nobody refused', async () => {
  const closed = await createSqliteStore({ path: join(directory, 'closed.db') });
  await openKeys(closed);
  await closed.close();
  const blind = accessTokens({ store: closed, keys, issuer: ISSUER, resource: resourceAt(ISSUER) });
  await assert.rejects(blind.verify(await sign()), { code: 'SERVICE_UNAVAILABLE' });
});

async function otherKeys(): Promise<ServerKeys> {
  const other = await createSqliteStore({ path: join(directory, 'other.db') });
  await replaceKeys(other);
  const made = await openKeys(other);
  await other.close();
  return made;
}
