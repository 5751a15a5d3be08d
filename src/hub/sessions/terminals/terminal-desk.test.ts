import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode, quick, stage, terminal } from '../../../../test/support/hook-terminal.ts';
import { withBench } from '../../../../test/support/hub-under-test.ts';

describe('a hook of a terminal', () => {
  it(
    'that is none is refused, and one of a later version does no harm',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      await assert.rejects(user.send(hub, 'Stop', { session_id: '../../x' }), hasCode('VALIDATION_ERROR'));
      await assert.rejects(user.send(hub, 'Stop', { hook_event_name: 7 }), hasCode('VALIDATION_ERROR'));
      assert.deepEqual(await user.send(hub, 'SomethingNew', { agent_id: 3, tool_input: 'text' }), {});
    }),
  );

  it(
    'shows that the hooks of its session reach this installation, to its caller',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const other = await bench.hub(quick);
      const user = terminal();
      const since = await bench.store.now();
      const reach = (caller: string, at = since) =>
        other.sessions.terminals.hooksReach({ agentSessionId: user.sessionId, caller, since: at });
      assert.equal(await reach('alice'), false);
      await user.send(hub, 'UserPromptSubmit');
      assert.deepEqual([await reach('alice'), await reach('mallory')], [true, false]);
      assert.equal(await reach('alice', since + 60_000), false);
    }),
  );

  it(
    'shows a token, which is kept as a hash only and is void once it is revoked by its caller',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const { terminals } = hub.sessions;
      const token = await terminals.createToken('alice');
      assert.equal(await terminals.callerOf(token), 'alice');
      assert.equal(await terminals.callerOf(`${token}x`), undefined);
      const kept = await bench.store.dump(async ({ rows }) => JSON.stringify(await Array.fromAsync(rows())));
      assert.ok(kept.includes('hook_token') && !kept.includes(token));
      const [, hash = ''] = /"hash":"([0-9a-f]{64})"/.exec(kept) ?? [];
      assert.equal(await terminals.revokeToken(hash, 'mallory'), false);
      assert.equal(await terminals.revokeToken(hash, 'alice'), true);
      assert.equal(await terminals.callerOf(token), undefined);
    }),
  );
});
