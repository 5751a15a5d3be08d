import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../store.ts';
import type { Use } from './support.ts';

const delays = { free: 3, baseSeconds: 60, mostSeconds: 600 };
const ada = { name: 'ada', password: 'hash of ada', scopes: ['mcp:tools'], teams: ['engines'] };
const grant = { kind: 'Grant', id: 'g1', payload: {}, account: 'ada', expiresInSeconds: 60 };

async function failing(store: Store, times: number): Promise<(string | undefined)[]> {
  const answers = [];
  for (let time = 0; time < times; time++) answers.push(await store.signIn.beginSignIn('ada', delays));
  return answers;
}

export function signInContract(name: string, use: Use): void {
  describe(`${name}: users of the authorization server`, () => {
    it('are added once, listed by name, and gone with everything of theirs', () =>
      use(async ({ store: { signIn } }) => {
        assert.equal(await signIn.addUser(ada), true);
        assert.equal(await signIn.addUser({ ...ada, password: 'other' }), false);
        assert.equal(await signIn.addUser({ ...ada, name: 'Bob' }), true);
        assert.deepEqual(
          (await signIn.users()).map(user => user.name),
          ['Bob', 'ada'],
        );
        const { createdAt, ...user } = (await signIn.user('ada')) ?? assert.fail('no user');
        assert.ok(createdAt > 0);
        const rest = { isLocked: false, failures: 0, blockedUntil: 0, signedInAt: null };
        assert.deepEqual(user, { name: 'ada', scopes: ['mcp:tools'], teams: ['engines'], ...rest });
        await signIn.put({ kind: 'Session', id: 's1', payload: {}, account: 'ada' });
        assert.equal(await signIn.removeUser('ada'), true);
        assert.equal(await signIn.removeUser('ada'), false);
        assert.equal(await signIn.user('ada'), undefined);
        assert.equal(await signIn.find('Session', { id: 's1' }), undefined);
      }));

    it('are blocked by failed sign-ins, for twice as long each time, and not by one that went well', () =>
      use(async ({ store, execute }) => {
        await store.signIn.addUser(ada);
        assert.deepEqual(await failing(store, 2), ['hash of ada', 'hash of ada']);
        await store.signIn.endSignIn('ada');
        assert.notEqual((await store.signIn.user('ada'))?.signedInAt, null);
        assert.deepEqual(await failing(store, 4), ['hash of ada', 'hash of ada', 'hash of ada', undefined]);
        const blockedFor = async () => {
          const { blockedUntil = 0 } = (await store.signIn.user('ada')) ?? {};
          return Math.round((blockedUntil - (await store.now())) / 60_000);
        };
        assert.equal(await blockedFor(), 1);
        await execute('update auth_user set blocked_until = 0');
        assert.deepEqual(await failing(store, 2), ['hash of ada', undefined]);
        assert.equal(await blockedFor(), 2);
        await execute('update auth_user set blocked_until = 0, failures = 1000');
        await failing(store, 1);
        assert.equal(await blockedFor(), 10);
        assert.equal(await store.signIn.beginSignIn('nobody', delays), undefined);
      }));

    it('that attempt at once are counted each', () =>
      use(async ({ store, openAnother }) => {
        await store.signIn.addUser(ada);
        const another = await openAnother();
        const attempts = Array.from({ length: 8 }, (_, at) =>
          (at % 2 ? store : another).signIn.beginSignIn('ada', delays),
        );
        const answers = await Promise.all(attempts);
        assert.equal(answers.filter(answer => answer !== undefined).length, 3);
      }));

    it('lose their sessions and grants with their password or when they are locked', () =>
      use(async ({ store: { signIn } }) => {
        await signIn.addUser(ada);
        const leave: (() => Promise<boolean>)[] = [
          () => signIn.setPassword('ada', 'new hash'),
          () => signIn.setLocked('ada', true),
        ];
        for (const end of leave) {
          await signIn.put(grant);
          assert.equal((await signIn.userOfGrant('g1'))?.name, 'ada');
          assert.equal(await end(), true);
          assert.equal(await signIn.userOfGrant('g1'), undefined);
        }
        assert.equal(await signIn.beginSignIn('ada', delays), undefined);
        await signIn.put(grant);
        assert.equal(await signIn.userOfGrant('g1'), undefined);
        await signIn.setLocked('ada', false);
        assert.equal(await signIn.beginSignIn('ada', delays), 'new hash');
        assert.equal(await signIn.setPassword('nobody', 'hash'), false);
      }));
  });

  describe(`${name}: records of the authorization server`, () => {
    it('are found by id or uid until they expire, and pruned then', () =>
      use(async ({ store: { signIn }, openAnother, execute }) => {
        await signIn.put({ kind: 'Session', id: 'a', uid: 'u', payload: { n: 1 }, expiresInSeconds: 60 });
        await signIn.put({ kind: 'Session', id: 'a', uid: 'u', payload: { n: 2 }, expiresInSeconds: 60 });
        const found = { id: 'a', payload: { n: 2 }, consumedAt: null };
        assert.deepEqual(await (await openAnother()).signIn.find('Session', { uid: 'u' }), found);
        assert.equal(await signIn.find('Grant', { id: 'a' }), undefined);
        await signIn.put({ kind: 'Keys', id: 'k', payload: {} });
        assert.equal(await signIn.prune(), 0);
        await execute('update auth_record set expires_at = 1 where expires_at is not null');
        assert.equal(await signIn.find('Session', { id: 'a' }), undefined);
        assert.equal(await signIn.prune(), 1);
        assert.ok(await signIn.find('Keys', { id: 'k' }));
      }));

    it('are consumed once', () =>
      use(async ({ store: { signIn }, openAnother }) => {
        await signIn.put({ kind: 'RefreshToken', id: 'r', payload: {}, expiresInSeconds: 60 });
        const elsewhere = (await openAnother()).signIn;
        const both = await Promise.all([signIn.consume('RefreshToken', 'r'), elsewhere.consume('RefreshToken', 'r')]);
        assert.deepEqual(both.sort(), [false, true]);
        assert.ok((await signIn.find('RefreshToken', { id: 'r' }))?.consumedAt);
      }));

    it('go with their grant, all or one kind of them', () =>
      use(async ({ store: { signIn } }) => {
        await signIn.put({ ...grant, grantId: 'g1' });
        await signIn.put({ kind: 'RefreshToken', id: 'r', payload: {}, grantId: 'g1' });
        await signIn.put({ kind: 'AuthorizationCode', id: 'c', payload: {}, grantId: 'g1' });
        await signIn.removeGrant('g1', 'AuthorizationCode');
        assert.equal(await signIn.find('AuthorizationCode', { id: 'c' }), undefined);
        assert.ok(await signIn.find('RefreshToken', { id: 'r' }));
        await signIn.removeGrant('g1');
        assert.equal(await signIn.find('RefreshToken', { id: 'r' }), undefined);
        assert.equal(await signIn.find('Grant', { id: 'g1' }), undefined);
      }));

    it('are inserted once, and never more of a kind than asked for', () =>
      use(async ({ store: { signIn }, openAnother }) => {
        const elsewhere = (await openAnother()).signIn;
        const keys = { kind: 'Keys', id: 'k', payload: {} };
        assert.deepEqual((await Promise.all([signIn.insert(keys), elsewhere.insert(keys)])).sort(), [false, true]);
        const insert = (id: string) =>
          signIn.insert({ kind: 'Client', id, payload: {}, expiresInSeconds: 60 }, { most: 2 });
        assert.deepEqual([await insert('a'), await insert('b'), await insert('c')], [true, true, false]);
        await signIn.remove('Client', 'a');
        assert.equal(await insert('c'), true);
      }));

    it('are kept longer, never shorter', () =>
      use(async ({ store: { signIn }, execute }) => {
        await signIn.put({ kind: 'Client', id: 'c', payload: {}, expiresInSeconds: -1 });
        await signIn.keep('Client', 'c', 60);
        assert.ok(await signIn.find('Client', { id: 'c' }));
        await signIn.keep('Client', 'c', -60);
        assert.ok(await signIn.find('Client', { id: 'c' }));
        await execute('update auth_record set expires_at = null');
        await signIn.keep('Client', 'c', -60);
        assert.ok(await signIn.find('Client', { id: 'c' }));
      }));
  });
}
