import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '../../ids/ids.ts';
import type { ApiTokenStore } from '../credentials/api-tokens.ts';
import type { Use } from './support.ts';

type NewToken = Parameters<ApiTokenStore['insert']>[0];
const MOST = { most: 3 };

const newToken = (patch: Partial<NewToken> = {}): NewToken => ({
  ...{ id: newId('tok'), hash: newId('tok'), caller: 'alice', callerName: null, name: 'ci' },
  ...{ scopes: ['sandbox:read'], teams: ['crew'], lifeSeconds: 3600 },
  ...patch,
});

export function apiTokensContract(name: string, use: Use): void {
  describe(`${name}: API tokens`, () => {
    it('are found by their hash at every hub, with all that they allow', () =>
      use(async ({ store: { apiTokens }, openAnother }) => {
        const token = newToken({ callerName: 'Alice' });
        const made = await apiTokens.insert(token, MOST);
        const found = await (await openAnother()).apiTokens.find(token.hash);
        assert.deepEqual(found, made);
        assert.deepEqual([found?.callerName, found?.scopes, found?.teams], ['Alice', ['sandbox:read'], ['crew']]);
        assert.deepEqual([found?.isExpired, found?.revokedAt, found?.lastUsedAt], [false, null, null]);
        assert.equal(await apiTokens.find('other'), undefined);
      }));

    it('expire by the clock of the database', () =>
      use(async ({ store: { apiTokens } }) => {
        const token = newToken({ lifeSeconds: 0 });
        await apiTokens.insert(token, MOST);
        assert.equal((await apiTokens.find(token.hash))?.isExpired, true);
      }));

    it('are as many for a caller as may be good at a time, also when they are made at once', () =>
      use(async ({ store: { apiTokens }, openAnother }) => {
        const elsewhere = (await openAnother()).apiTokens;
        await apiTokens.insert(newToken({ lifeSeconds: 0 }), MOST);
        const made = await Promise.all(
          [1, 2, 3, 4, 5].map(n => (n % 2 === 0 ? elsewhere : apiTokens).insert(newToken(), MOST)),
        );
        assert.equal(made.filter(one => one !== undefined).length, MOST.most);
        assert.ok(await apiTokens.insert(newToken({ caller: 'bob' }), MOST));
        const [good] = made.filter(one => one !== undefined);
        await apiTokens.revoke(good?.id ?? '', {});
        assert.ok(await elsewhere.insert(newToken(), MOST));
      }));

    it('are listed for their caller, the newest first, or for all', () =>
      use(async ({ store: { apiTokens } }) => {
        for (const [id, caller] of [
          ['a', 'alice'],
          ['b', 'bob'],
          ['c', 'alice'],
        ] as const)
          await apiTokens.insert(newToken({ id, caller }), MOST);
        const ids = async (options: { caller?: string }) => (await apiTokens.list(options)).map(({ id }) => id);
        assert.deepEqual(await ids({ caller: 'alice' }), ['c', 'a']);
        assert.deepEqual(await ids({}), ['c', 'b', 'a']);
      }));

    it('are revoked once, and never by another caller', () =>
      use(async ({ store: { apiTokens } }) => {
        const token = newToken();
        await apiTokens.insert(token, MOST);
        assert.equal(await apiTokens.revoke(token.id, { caller: 'bob' }), undefined);
        const first = await apiTokens.revoke(token.id, { caller: 'alice' });
        assert.equal(typeof first?.revokedAt, 'number');
        assert.equal((await apiTokens.revoke(token.id, {}))?.revokedAt, first?.revokedAt);
        assert.equal((await apiTokens.find(token.hash))?.revokedAt, first?.revokedAt);
        await apiTokens.insert(newToken(), MOST);
        assert.equal(await apiTokens.revokeAllOf('alice'), 1);
        assert.equal(await apiTokens.revokeAllOf('alice'), 0);
      }));

    it('tell when they were used last, and are not written for every use', () =>
      use(async ({ store: { apiTokens }, execute }) => {
        const token = newToken();
        await apiTokens.insert(token, MOST);
        await apiTokens.used(token.id);
        const first = (await apiTokens.find(token.hash))?.lastUsedAt ?? 0;
        assert.ok(first > 0);
        await execute(`update api_token set last_used_at = ${first - 30_000}`);
        await apiTokens.used(token.id);
        assert.equal((await apiTokens.find(token.hash))?.lastUsedAt, first - 30_000);
        await execute(`update api_token set last_used_at = ${first - 61_000}`);
        await apiTokens.used(token.id);
        assert.ok(((await apiTokens.find(token.hash))?.lastUsedAt ?? 0) >= first);
      }));

    it('are forgotten some time after their end', () =>
      use(async ({ store }) => {
        const { apiTokens } = store;
        await apiTokens.insert(newToken({ id: 'over', lifeSeconds: -10 }), MOST);
        await apiTokens.insert(newToken({ id: 'revoked' }), MOST);
        await apiTokens.revoke('revoked', {});
        await apiTokens.insert(newToken({ id: 'good' }), MOST);
        assert.equal(await apiTokens.prune((await store.now()) - 3_600_000), 0);
        assert.equal(await apiTokens.prune((await store.now()) + 60_000), 2);
        assert.deepEqual(
          (await apiTokens.list({})).map(({ id }) => id),
          ['good'],
        );
      }));
  });
}
