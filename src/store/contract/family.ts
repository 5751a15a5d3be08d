import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { FamilyStore, Prompting } from '../agents/store.ts';
import type { Store } from '../store.ts';
import { newSession } from './agents.ts';
import { idsOf, type Use } from './support.ts';

const event = (prompting: Prompting) => ({ type: 'child.idle', body: { prompting } });
const prompt = (id: string, most = 20) => ({ id, body: { text: 'heard' }, most });

export function familyContract(name: string, use: Use): void {
  const familyOf = async (store: Store) => {
    const parent = await store.sessions.insert(newSession());
    const child = await store.sessions.insert(newSession({ parentId: parent.id }));
    return { parent, child };
  };
  const endTurn = async (store: Store, sessionId: string): Promise<string> => {
    const id = randomUUID();
    const turn = { id, sessionId, caller: 'alice', prompt: { text: 'go' }, expiresAt: null, state: 'queued' } as const;
    await store.turns.enqueue(turn, { most: 20 });
    await store.turns.end({ id, state: 'completed', result: {} });
    return id;
  };
  const toldTo = async (store: Store, id: string) =>
    (await store.events.read(`session:${id}`, 0, 100)).map(({ body }) => body.prompting ?? body.end);

  describe(`${name}: sessions that others have begun`, () => {
    it('are refused beyond a number, whoever asks; those that are over make room', () =>
      use(async ({ store, openAnother }) => {
        const parent = await store.sessions.insert(newSession());
        const stores = [store, await openAnother()];
        const one = (at: number) =>
          stores[at % 2]?.family.insertChild({ ...newSession(), parentId: parent.id }, { most: 3 });
        const made = await Promise.all(Array.from({ length: 8 }, (_, at) => one(at)));
        const children = await store.sessions.children(parent.id);
        assert.deepEqual([made.filter(answer => answer === 'full').length, children.length], [5, 3]);
        const [first] = children;
        assert.ok(first);
        assert.equal(
          Object(await store.family.insertChild({ ...first, parentId: parent.id }, { most: 3 })).id,
          first.id,
        );
        await store.sessions.update(first.id, 'any', { status: 'closed' });
        assert.notEqual(await one(0), 'full');
      }));

    it('tell of the end of a turn once, with its prompt, however many hubs tell it', () =>
      use(async ({ store, openAnother }) => {
        const { parent, child } = await familyOf(store);
        await endTurn(store, parent.id);
        const turnId = await endTurn(store, child.id);
        assert.deepEqual(
          (await store.family.notices(10)).map(({ turn, isTold }) => [turn.id, isTold]),
          [[turnId, false]],
        );
        const families: FamilyStore[] = [store.family, (await openAnother()).family];
        const told = await Promise.all(
          families.map(one => one.tellTurn(turnId, { parent, event, prompt: prompt('p') })),
        );
        assert.deepEqual(
          told.filter(answer => answer !== undefined),
          ['now'],
        );
        assert.deepEqual(await toldTo(store, parent.id), ['now']);
        assert.deepEqual(idsOf(await store.turns.open(parent.id)), ['p']);
        assert.deepEqual(await store.family.notices(10), []);
      }));

    it('owe the prompt while too many wait, and tell of the end meanwhile', () =>
      use(async ({ store }) => {
        const { parent, child } = await familyOf(store);
        const [first, second] = [await endTurn(store, child.id), await endTurn(store, child.id)];
        const tell = (id: string) => store.family.tellTurn(id, { parent, event, prompt: prompt(`p ${id}`, 1) });
        assert.deepEqual([await tell(first), await tell(second), await tell(second)], ['now', 'later', 'later']);
        assert.deepEqual(
          (await store.family.notices(10)).map(({ turn, isTold }) => [turn.id, isTold]),
          [[second, true]],
        );
        await store.turns.end({ id: `p ${first}`, state: 'completed', result: {} });
        assert.equal(await tell(second), 'now');
        assert.deepEqual(await toldTo(store, parent.id), ['now', 'later']);
        const third = await endTurn(store, child.id);
        await store.family.settle(third);
        assert.equal(await tell(third), undefined);
      }));

    it('tell that they are over once for each start of theirs', () =>
      use(async ({ store }) => {
        const { parent, child } = await familyOf(store);
        assert.deepEqual(await store.family.ended(10), []);
        await store.sessions.update(child.id, 'any', { status: 'failed' });
        await store.sessions.update(parent.id, 'any', { status: 'failed' });
        assert.deepEqual(idsOf(await store.family.ended(10)), [child.id]);
        const tell = (epoch: number) =>
          store.family.tellEnd(
            { id: child.id, epoch },
            { parent, event: { type: 'child.ended', body: { end: epoch } } },
          );
        assert.deepEqual([await tell(1), await tell(1)], [true, false]);
        assert.deepEqual(await store.family.ended(10), []);
        await store.sessions.claim(child.id, { epoch: 1 }, { worker: 'w1' });
        assert.deepEqual(await store.family.ended(10), []);
        await store.sessions.update(child.id, 'any', { status: 'closed' });
        assert.deepEqual([await tell(2), await toldTo(store, parent.id)], [true, [1, 2]]);
      }));
  });
}
