import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withBench } from '../../test/support/hub-under-test.ts';
import { type Caller, expandScopes } from '../auth/caller.ts';
import { hashOfToken } from '../ids/api-token.ts';

const caller = (id: string, ...scopes: string[]): Caller => ({
  ...{ id, name: `Name of ${id}`, scopes: expandScopes(scopes), teams: new Set(['crew']) },
});
const writer = caller('alice', 'sandbox:write');
const admin = caller('root', 'admin');
const ask = { name: 'ci', scopes: ['sandbox:read'], lifeSeconds: 3600 };

test(
  'a token acts for its maker, with its own scopes and not those of the maker',
  withBench(async bench => {
    const { apiTokens } = await bench.hub();
    const { record, token } = await apiTokens.create(ask, writer);
    assert.match(token, /^bxs_[\w-]{43}$/);
    const found = await apiTokens.callerOf(hashOfToken(token));
    assert.ok(typeof found === 'object');
    assert.deepEqual(
      [found.caller.id, found.caller.name, found.caller.credential],
      ['alice', 'Name of alice', record.id],
    );
    assert.deepEqual([[...found.caller.scopes], [...found.caller.teams]], [['sandbox:read'], ['crew']]);
    assert.equal(found.expiresAt, record.expiresAt);
    assert.equal(await apiTokens.callerOf(hashOfToken(`${token}x`)), 'unknown');
    const rows: string[] = [];
    await bench.store.dump(async snapshot => {
      for await (const { row } of snapshot.rows()) rows.push(JSON.stringify(row));
    });
    assert.ok(
      rows.some(row => row.includes(hashOfToken(token))),
      'the hash is kept',
    );
    assert.ok(!rows.some(row => row.includes(token)), 'the token is not');
  }),
);

test(
  'nobody gives away more than it has, and no token makes others',
  withBench(async bench => {
    const { apiTokens } = await bench.hub();
    const create = (scopes: string[], by: Caller) => apiTokens.create({ ...ask, scopes }, by);
    await assert.rejects(create(['sandbox:read', 'fleet:read'], writer), { code: 'INSUFFICIENT_SCOPE' });
    await assert.rejects(create(['admin'], caller('bob', 'mcp:tools')), { code: 'INSUFFICIENT_SCOPE' });
    await assert.rejects(create(['mcp:tools'], writer), { code: 'INSUFFICIENT_SCOPE' });
    await assert.rejects(create(['sandbox'], admin), { code: 'VALIDATION_ERROR' });
    await assert.rejects(create(['sandbox:read'], { ...writer, credential: 'tok_1' }), { code: 'POLICY_DENIED' });
    for (const scopes of [['mcp:tools'], ['sessions:write', 'fleet:read']])
      await create(scopes, caller('bob', 'mcp:tools'));
    await create(['admin'], admin);
    assert.deepEqual((await apiTokens.list({ all: false }, writer)).length, 0);
  }),
);

test(
  'a token ends by its time or by revocation, which only its maker and administrators have',
  withBench(async bench => {
    const { apiTokens } = await bench.hub();
    const old = await apiTokens.create({ ...ask, lifeSeconds: 0 }, writer);
    assert.equal(await apiTokens.callerOf(hashOfToken(old.token)), 'expired');
    const first = await apiTokens.create(ask, writer);
    const second = await apiTokens.create(ask, writer);
    let heard = 0;
    apiTokens.onRevoked(() => heard++);
    await assert.rejects(apiTokens.revoke(first.record.id, caller('mallory', 'sandbox:write')), { code: 'NOT_FOUND' });
    await assert.rejects(apiTokens.revoke('tok_none', writer), { code: 'NOT_FOUND' });
    assert.equal(heard, 0);
    await apiTokens.revoke(first.record.id, writer);
    await apiTokens.revoke(second.record.id, admin);
    assert.equal(heard, 2);
    for (const { token } of [first, second]) assert.equal(await apiTokens.callerOf(hashOfToken(token)), 'revoked');
    assert.equal((await apiTokens.list({ all: true }, writer)).length, 3);
    assert.equal((await apiTokens.list({ all: true }, admin)).length, 3);
    assert.equal((await apiTokens.list({ all: false }, admin)).length, 0);
  }),
);
