import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../ids/ids.ts';
import type { ShareRecord } from '../sharing/store.ts';
import { idsOf, inserted, paged, type Use } from './support.ts';

const newShare = (patch: Partial<ShareRecord> = {}): Omit<ShareRecord, 'createdAt'> => ({
  id: newId('sh'),
  kind: 'workspace',
  target: 'ws_1',
  owner: 'alice',
  granteeKind: 'caller',
  grantee: 'bob',
  access: 'read',
  ...patch,
});

const grantee = (id: string, ...teams: string[]) => ({ id, teams: new Set(teams) });
const one = { kind: 'workspace', target: 'ws_1' } as const;

export function sharingContract(name: string, use: Use): void {
  test(`${name}: what is shared with a caller or a team of it may be used, and nothing else`, () =>
    use(async ({ store: { shares } }) => {
      await shares.insert(newShare());
      await shares.insert(newShare({ target: 'ws_2', granteeKind: 'team', grantee: 'crew', access: 'write' }));
      assert.equal(await shares.access(one, grantee('bob')), 'read');
      assert.equal(await shares.access(one, grantee('carol', 'bob')), undefined);
      assert.equal(await shares.access({ ...one, kind: 'session' }, grantee('bob')), undefined);
      const two = { ...one, target: 'ws_2' };
      assert.equal(await shares.access(two, grantee('carol', 'other', 'crew')), 'write');
      assert.equal(await shares.access(two, grantee('crew')), undefined);
    }));

  test(`${name}: of several shares the one that allows more counts`, () =>
    use(async ({ store: { shares } }) => {
      await shares.insert(newShare());
      await shares.insert(newShare({ granteeKind: 'team', grantee: 'crew', access: 'write' }));
      assert.equal(await shares.access(one, grantee('bob', 'crew')), 'write');
      assert.equal(await shares.access(one, grantee('bob')), 'read');
    }));

  test(`${name}: shared again it is the same share with the new access`, () =>
    use(async ({ store: { shares } }) => {
      const first = await shares.insert(newShare());
      const again = await shares.insert(newShare({ access: 'write' }));
      assert.equal(again.id, first.id);
      assert.equal(again.access, 'write');
      assert.equal((await shares.granted(grantee('bob'))).length, 1);
    }));

  test(`${name}: only its owner removes a share, and then it is over`, () =>
    use(async ({ store: { shares } }) => {
      const { id } = await shares.insert(newShare());
      assert.equal(await shares.remove(id, 'bob'), false);
      assert.equal(await shares.access(one, grantee('bob')), 'read');
      assert.equal(await shares.remove(id, 'alice'), true);
      assert.equal(await shares.remove(id, 'alice'), false);
      assert.equal(await shares.access(one, grantee('bob')), undefined);
    }));

  test(`${name}: shares of an owner are listed page by page, those that one is given all at once`, () =>
    use(async ({ store: { shares } }) => {
      const mine: string[] = [];
      for (let at = 0; at < 5; at += 1) mine.unshift((await shares.insert(newShare({ target: `ws_${at}` }))).id);
      await shares.insert(newShare({ owner: 'carol', target: 'ws_9' }));
      const listed = await paged(page => shares.list({ ...page, owner: 'alice' }), 2);
      assert.deepEqual(idsOf(listed), mine);
      const { rows } = await shares.list({ owner: 'alice', target: 'ws_3', limit: 10 });
      assert.deepEqual(
        rows.map(({ target }) => target),
        ['ws_3'],
      );
      assert.equal((await shares.granted(grantee('bob'), 'workspace')).length, 6);
      assert.deepEqual(await shares.granted(grantee('bob'), 'session'), []);
      assert.deepEqual(await shares.granted(grantee('alice', 'bob')), []);
    }));

  test(`${name}: a workspace takes its shares with it`, () =>
    use(async ({ store }) => {
      const { id } = await inserted(store);
      await store.shares.insert(newShare({ target: id }));
      await store.shares.insert(newShare({ target: 'ws_other' }));
      await store.workspaces.delete(id);
      assert.equal(await store.shares.access({ kind: 'workspace', target: id }, grantee('bob')), undefined);
      assert.equal(await store.shares.access({ kind: 'workspace', target: 'ws_other' }, grantee('bob')), 'read');
    }));

  test(`${name}: what is forgotten is shared no more`, () =>
    use(async ({ store: { shares } }) => {
      await shares.insert(newShare());
      await shares.forget(one);
      assert.equal(await shares.access(one, grantee('bob')), undefined);
    }));
}
