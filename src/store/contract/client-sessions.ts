import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { idsOf, type Use } from './support.ts';

const MANY = { maxPerCaller: 100 };

const opened = (id: string, caller = 'alice') => ({
  id,
  caller,
  connection: `connection of ${id}`,
  opening: { url: 'http://localhost/mcp', body: { method: 'initialize', params: { clientInfo: { name: 'ü' } } } },
});

export function clientSessionsContract(name: string, use: Use): void {
  describe(`${name}: sessions of clients`, () => {
    it('are found with how they were opened, by every hub, until they end', () =>
      use(async ({ store, openAnother }) => {
        assert.deepEqual(await store.clientSessions.insert(opened('s1'), MANY), []);
        const elsewhere = await openAnother();
        const { lastUsedAt, ...found } = (await elsewhere.clientSessions.get('s1')) ?? assert.fail('not found');
        assert.deepEqual(found, opened('s1'));
        assert.ok(Math.abs(lastUsedAt - (await store.now())) < 60_000);
        assert.equal(await elsewhere.clientSessions.end('s1'), true);
        assert.equal(await store.clientSessions.end('s1'), false);
        assert.equal(await store.clientSessions.get('s1'), undefined);
      }));

    it('beyond the cap of their caller end, those unused longest first', () =>
      use(async ({ store }) => {
        for (const id of ['s1', 's2']) await store.clientSessions.insert(opened(id), { maxPerCaller: 2 });
        await store.clientSessions.insert(opened('s3', 'bob'), { maxPerCaller: 2 });
        await delay(2);
        await store.clientSessions.touch(['s1', 's1', 'unknown']);
        await store.clientSessions.touch([]);
        assert.deepEqual(idsOf(await store.clientSessions.insert(opened('s4'), { maxPerCaller: 2 })), ['s2']);
        const left = await Promise.all(['s1', 's2', 's3', 's4'].map(id => store.clientSessions.get(id)));
        assert.deepEqual(
          left.map(session => session?.id),
          ['s1', undefined, 's3', 's4'],
        );
      }));

    it('end when they were not used for long, each told to one', () =>
      use(async ({ store, openAnother, execute }) => {
        for (const id of ['s1', 's2', 's3']) await store.clientSessions.insert(opened(id), MANY);
        await execute('update client_session set last_used_at = last_used_at - 3600000');
        await store.clientSessions.touch(['s2']);
        const stores = [store, await openAnother()];
        const ended = await Promise.all(stores.map(one => one.clientSessions.endUnused(1800)));
        assert.deepEqual(idsOf(ended.flat()).sort(), ['s1', 's3']);
        assert.equal((await store.clientSessions.get('s2'))?.id, 's2');
      }));
  });
}
