import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { eventsOf, pendingAt, stage, terminal, tool } from '../../../../test/support/hook-terminal.ts';
import { type Bench, withBench } from '../../../../test/support/hub-under-test.ts';

describe('a prompt that is queued for the end of a terminal’s turn', () => {
  const queue = (bench: Bench, sessionId: string, text: string, deliver?: 'stop_hook') =>
    bench.store.turns.enqueue(
      {
        ...{ id: randomUUID(), sessionId, caller: 'alice', expiresAt: null, state: 'waiting' },
        prompt: { text, attachments: [], ...(deliver && { deliver }) },
      },
      { most: 20 },
    );

  it(
    'goes on with the turn when that stops, one at a time, each once, and has one end',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      assert.deepEqual(await user.send(hub, 'Stop'), {});
      const asked = user.asks(hub);
      await pendingAt(hub);
      await user.send(hub, 'PostToolUse', tool);
      await asked;
      await queue(bench, user.sessionId, 'waits for the terminal to close');
      await queue(bench, user.sessionId, 'first', 'stop_hook');
      await queue(bench, user.sessionId, 'second', 'stop_hook');
      assert.deepEqual(await user.send(hub, 'Stop', { agent_id: 'x' }), {});
      assert.deepEqual(await user.send(hub, 'Stop'), { decision: 'block', reason: 'first' });
      assert.deepEqual(await user.send(hub, 'Stop'), { decision: 'block', reason: 'second' });
      // What nobody here drives is not taken for lost.
      await eventually(
        async () => (await eventsOf(bench, user.sessionId)).filter(([type]) => type === 'session.idle').length === 1,
      );
      assert.deepEqual(await user.send(hub, 'Stop'), {});
      const ends = (await eventsOf(bench, user.sessionId))
        .map(([type]) => type)
        .filter(type => type?.toString().startsWith('session.'));
      assert.deepEqual(ends, ['session.idle', 'session.idle']);
      assert.deepEqual(
        (await bench.store.turns.open(user.sessionId)).map(({ prompt }) => prompt.text),
        ['waits for the terminal to close'],
      );
    }),
  );

  it(
    'and that the terminal had when it was closed is reported as interrupted',
    withBench(async bench => {
      const { hub } = await stage(bench);
      for (const how of ['SessionEnd', 'gone'] as const) {
        const user = terminal();
        const asked = user.asks(hub);
        await pendingAt(hub);
        await user.send(hub, 'Stop');
        await asked;
        const queued = await queue(bench, user.sessionId, 'go', 'stop_hook');
        assert.ok(queued !== 'full');
        assert.deepEqual(await user.send(hub, 'Stop'), { decision: 'block', reason: 'go' });
        if (how === 'gone') await hub.sessions.terminals.closed(user.sessionId);
        else await user.send(hub, 'SessionEnd');
        assert.equal((await bench.store.turns.get(queued.turn.id))?.state, 'interrupted');
        const types = (await eventsOf(bench, user.sessionId)).map(([type]) => type);
        assert.deepEqual(types.slice(-2), ['session.error', 'session.idle']);
      }
    }),
  );
});
