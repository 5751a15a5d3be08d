import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { newSession, prompt, told } from './agents.ts';
import { idsOf, type Use } from './support.ts';

/** Prompts wait for their turn, begin and end. */
export function promptsContract(name: string, use: Use): void {
  describe(`${name}: prompts`, () => {
    it('begin one at a time, in the order in which they came, and end once', () =>
      use(async ({ store, openAnother }) => {
        const other = await openAnother();
        const { id } = await store.sessions.insert(newSession());
        const turns = [prompt(id), prompt(id), prompt(id)];
        for (const [at, turn] of turns.entries()) {
          const accepted = await store.turns.enqueue(turn, { most: 3 });
          assert.ok(accepted !== 'full');
          assert.equal(accepted.position, at + 1);
        }
        assert.equal(await store.turns.enqueue(prompt(id), { most: 3 }), 'full');
        const again = await store.turns.enqueue(turns[1] ?? prompt(id), { most: 3 });
        assert.ok(again !== 'full' && again.position === 2);
        for (const { id: expected } of turns) {
          const begun = await Promise.all([store, other, store].map(one => one.turns.begin(id, 1)));
          assert.deepEqual(
            begun.flatMap(turn => (turn === undefined ? [] : [turn.id])),
            [expected],
          );
          const end = { id: expected, state: 'completed' as const, result: {} };
          assert.deepEqual(
            [await store.turns.end(end), await other.turns.end({ ...end, state: 'failed' })],
            [true, false],
          );
        }
        assert.equal(await store.turns.begin(id, 1), undefined);
        assert.deepEqual(await store.turns.open(id), []);
        const undelivered = prompt(id);
        await store.turns.enqueue(undelivered, { most: 3 });
        assert.equal(await store.turns.retract(undelivered.id), false);
        await store.turns.begin(id, 1);
        assert.equal(await store.turns.retract(undelivered.id), true);
        assert.deepEqual([(await store.turns.begin(id, 2))?.epoch], [2]);
      }));

    it('begin with their acceptance where none is before them and their agent is ready, for whoever enqueued them', () =>
      use(async ({ store }) => {
        const { id } = await store.sessions.insert(newSession({ status: 'idle' }));
        const said = { type: 'message.created', body: {} };
        await store.sessions.report(told(id, { events: [said, said] }));
        const enqueue = async (turn: ReturnType<typeof prompt>, beginAt: number) => {
          const accepted = await store.turns.enqueue(turn, { most: 3, beginAt });
          assert.ok(accepted !== 'full');
          const { hasBegun, isBehind, position, lastSeq } = accepted;
          assert.equal(lastSeq, 2);
          return [accepted.turn.state, accepted.turn.epoch, hasBegun, isBehind, position];
        };
        const ended = (turn: { id: string }) => store.turns.end({ id: turn.id, state: 'completed', result: {} });
        const [first, second, third] = [prompt(id), prompt(id), prompt(id)];
        assert.deepEqual(await enqueue(first, 1), ['running', 1, true, false, 1]);
        assert.notEqual((await store.turns.get(first.id))?.startedAt, null);
        assert.deepEqual(await enqueue(first, 1), ['running', 1, false, false, 1]);
        assert.deepEqual(await enqueue(second, 1), ['queued', null, false, true, 1]);
        await ended(first);
        // Those that came before go first.
        assert.deepEqual(await enqueue(third, 1), ['queued', null, false, false, 2]);
        for (const turn of [second, third]) await ended(turn);
        const early = prompt(id);
        assert.deepEqual(await enqueue(early, 2), ['queued', null, false, false, 1]);
        await ended(early);
        await store.sessions.update(id, 'any', { status: 'parked' });
        assert.deepEqual(await enqueue(prompt(id), 1), ['queued', null, false, false, 1]);
      }));

    it('begin at once in a session of their caller that is ready and has nothing else to do, one of several', () =>
      use(async ({ store, openAnother }) => {
        const other = await openAnother();
        const { id, worker, caller } = await store.sessions.insert(newSession({ status: 'idle' }));
        await store.sessions.report(told(id, { events: [{ type: 'message.created', body: {} }] }));
        const enter = (patch: { sessionId?: string; caller?: string } = {}, by = store) =>
          by.turns.beginAtOnce({ id: randomUUID(), sessionId: id, caller, prompt: { text: 'hello' }, ...patch });
        assert.equal(await enter({ caller: 'mallory' }), undefined);
        assert.equal(await enter({ sessionId: 'none' }), undefined);
        const begun = await Promise.all([enter(), enter({}, other), enter(), enter({}, other)]);
        const won = begun.filter(one => one !== undefined);
        assert.deepEqual(won, [{ worker, epoch: 1, lastSeq: 1 }]);
        const [turn, ...more] = await store.turns.open(id);
        assert.deepEqual([turn?.state, turn?.caller, turn?.epoch, more], ['running', caller, 1, []]);
        assert.deepEqual(turn?.prompt, { text: 'hello' });
        assert.equal(turn?.startedAt, turn?.createdAt);
        await store.turns.end({ id: turn?.id ?? '', state: 'completed', result: {} });
        assert.equal((await enter())?.lastSeq, 1);
        for (const { id: other } of await store.turns.open(id))
          await store.turns.end({ id: other, state: 'completed', result: {} });
        const waiting = { ...prompt(id), state: 'waiting' as const };
        await store.turns.enqueue(waiting, { most: 3 });
        assert.equal(await enter(), undefined, 'another one waits');
        await store.turns.end({ id: waiting.id, state: 'aborted', result: {} });
        for (const [status, isReady] of [
          ['starting', false],
          ['parked', false],
          ['mirror', false],
          ['failed', false],
          ['running', true],
        ] as const) {
          await store.sessions.update(id, 'any', { status });
          assert.equal((await enter()) !== undefined, isReady, status);
        }
      }));

    it('that wait for a session to become free are released, or expire', () =>
      use(async ({ store }) => {
        const { id } = await store.sessions.insert(newSession());
        const now = await store.now();
        const late = { ...prompt(id), state: 'waiting' as const, expiresAt: now - 1 };
        const patient = { ...prompt(id), state: 'waiting' as const, expiresAt: now + 60_000 };
        for (const turn of [late, patient]) await store.turns.enqueue(turn, { most: 20 });
        assert.equal(await store.turns.begin(id, 1), undefined);
        assert.deepEqual(idsOf(await store.turns.expire()), [late.id]);
        assert.equal(await store.turns.release(id), 1);
        assert.equal((await store.turns.begin(id, 1))?.id, patient.id);
      }));
  });
}
