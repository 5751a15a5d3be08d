import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { silentLog } from '../../log/log.ts';
import type { SessionTold } from '../../protocol/session-messages.ts';
import { type Told, ToldQueue } from './told.ts';

const named = (type: string) => ({ event: { type, body: {} } });
const turns = async (count = 3) => {
  for (let at = 0; at < count; at++) await new Promise(resolve => setImmediate(resolve));
};

describe('what is told of a session', () => {
  function queue(answer = (told: SessionTold) => ({ isFenced: false, expected: told.first + told.events.length })) {
    const batches: string[][] = [];
    const tell = async (told: SessionTold) => {
      batches.push(told.events.map(({ type }) => type));
      return answer(told);
    };
    const told = new ToldQueue({
      sessionId: 's',
      epoch: 1,
      log: silentLog,
      tell,
      fenced: () => batches.push(['fenced']),
    });
    return { told, batches };
  }

  test('goes together when it happened in the same moment, and at once', async () => {
    const { told, batches } = queue();
    told.add(named('a'));
    told.add(named('b'));
    await turns();
    assert.deepEqual(batches, [['a', 'b']]);
  });

  describe('soon after others', () => {
    beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
    afterEach(() => mock.timers.reset());

    /** `a` was told, and `b` came too soon after it. */
    const afterOthers = async () => {
      const { told, batches } = queue();
      told.add(named('a'));
      await turns();
      told.add(named('b'));
      await turns();
      assert.deepEqual(batches, [['a']]);
      return { told, batches };
    };

    test('is gathered for a moment', async () => {
      const { told, batches } = await afterOthers();
      told.add(named('c'));
      await turns();
      assert.deepEqual(batches, [['a']]);
      mock.timers.tick(10);
      await turns();
      assert.deepEqual(batches, [['a'], ['b', 'c']]);
    });

    for (const [what, pressing] of [
      ['an end', { ended: [{ turnId: 't', outcome: 'completed', result: {} }] }],
      ['a question', { asked: [{ requestId: 'p', toolName: 'Bash', description: '', input: {}, remember: [] }] }],
      ['an answer', { settled: [{ requestId: 'p', state: 'expired' }] }],
    ] satisfies [string, Partial<Told>][])
      test(`is told at once with ${what}`, async () => {
        const { told, batches } = await afterOthers();
        told.add({ ...named('c'), ...pressing });
        await turns();
        assert.deepEqual(batches, [['a'], ['b', 'c']]);
      });

    test('is told at once when there is a whole batch of it', async () => {
      const { told, batches } = await afterOthers();
      for (let at = 1; at < 200; at++) told.add(named('b'));
      await turns();
      assert.deepEqual(
        batches.map(batch => batch.length),
        [1, 200],
      );
    });

    test('is told at once when there is a hurry, and what comes after it is gathered again', async () => {
      const { told, batches } = await afterOthers();
      told.hurry();
      await turns();
      told.add(named('c'));
      await turns();
      assert.deepEqual(batches, [['a'], ['b']]);
      mock.timers.tick(10);
      await turns();
      assert.deepEqual(batches, [['a'], ['b'], ['c']]);
    });

    test('is told at once when there was a hurry while others were being told', async () => {
      const { told, batches } = queue(({ first, events }) => {
        if (first === 1) {
          told.add(named('b'));
          told.hurry();
        }
        return { isFenced: false, expected: first + events.length };
      });
      told.add(named('a'));
      await turns();
      assert.deepEqual(batches, [['a'], ['b']]);
    });

    test('is told at once when somebody waits until it is heard', async () => {
      const { told, batches } = await afterOthers();
      await told.heard();
      assert.deepEqual(batches, [['a'], ['b']]);
    });
  });

  test('is told to the end by a flush, and forgotten by a close', async () => {
    const flushed = queue();
    flushed.told.add(named('a'));
    await flushed.told.flush();
    assert.deepEqual(flushed.batches, [['a']]);
    const closed = queue();
    closed.told.add(named('a'));
    const heard = closed.told.heard();
    closed.told.close();
    await heard;
    await turns();
    assert.deepEqual(closed.batches, []);
  });

  test('is told again from where a hub has it, and no more once somebody else drives the session', async () => {
    let round = 0;
    const { told, batches } = queue(({ first, events }) => {
      round += 1;
      if (round === 1) throw new Error('nobody answered');
      return { isFenced: round === 4, expected: round === 2 ? first + 1 : first + events.length };
    });
    told.add(named('a'));
    told.add(named('b'));
    await told.flush();
    told.add(named('c'));
    await told.flush();
    told.add(named('d'));
    await told.flush();
    assert.deepEqual(batches, [['a', 'b'], ['a', 'b'], ['b'], ['c'], ['fenced']]);
  });
});
