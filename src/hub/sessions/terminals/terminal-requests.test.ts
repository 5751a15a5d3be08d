import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import {
  answer,
  decided,
  eventsOf,
  hasCode,
  pendingAt,
  pendingOf,
  quick,
  stage,
  stateOf,
  terminal,
  tool,
} from '../../../../test/support/hook-terminal.ts';
import { alice, callOf, mallory, withBench } from '../../../../test/support/hub-under-test.ts';

describe('a request for leave of a terminal', () => {
  it(
    'is held until it is allowed from elsewhere, once, and is told of in the session and the feed of its caller',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      const reply = user.asks(hub);
      const request = await pendingAt(hub);
      assert.deepEqual([request.source, request.toolName, request.sessionId], ['terminal', 'Write', user.sessionId]);
      assert.deepEqual(request.input, tool.tool_input);
      assert.equal((await answer(hub, request)).isRepeat, false);
      assert.deepEqual(await reply, decided({ behavior: 'allow' }));
      assert.equal((await answer(hub, request)).isRepeat, true);
      await assert.rejects(answer(hub, request, { behavior: 'deny' }), hasCode('PERMISSION_NOT_PENDING', 'allowed'));
      assert.deepEqual(await eventsOf(bench, user.sessionId), [
        ['permission_request', undefined, undefined],
        ['permission_resolved', 'allowed', 'caller'],
      ]);
      const { signal } = new AbortController();
      const page = await hub.sessions.feed.read('alice', {
        ...{ after: { seq: 0, offset: 0 }, limit: 10, waitMs: 0, signal },
      });
      assert.deepEqual(
        page.events.map(({ event }) => event.type),
        ['permission_request', 'permission_resolved'],
      );
    }),
  );

  it(
    'is denied with a message, or allowed with another input',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      const first = user.asks(hub);
      await answer(hub, await pendingAt(hub), { behavior: 'deny', message: 'not there' });
      assert.deepEqual(await first, decided({ behavior: 'deny', message: 'not there' }));
      const second = user.asks(hub);
      await answer(hub, await pendingAt(hub), { updatedInput: { file_path: '/x/b' } });
      assert.deepEqual(await second, decided({ behavior: 'allow', updatedInput: { file_path: '/x/b' } }));
      const third = user.asks(hub);
      const request = await pendingAt(hub);
      const always = { sessionId: request.sessionId, requestId: request.id };
      const remembered = { behavior: 'allow', remember: 'always' } as const;
      await assert.rejects(
        hub.sessions.permissions.respond({ ...always, answer: remembered }, alice),
        hasCode('CAPABILITY_UNSUPPORTED'),
      );
      assert.equal(await stateOf(bench, request.id), 'pending');
      await answer(hub, request);
      await third;
    }),
  );

  it(
    'is nobody else’s: neither seen nor answered nor ended by another caller, whose own hooks may name the same session',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const sessionId = randomUUID();
      const [hers, his] = [terminal({ sessionId }), terminal({ sessionId, caller: 'mallory' })];
      const reply = hers.asks(hub);
      const request = await pendingAt(hub);
      assert.deepEqual(await pendingOf(hub, 'mallory'), []);
      await assert.rejects(answer(hub, request, { caller: mallory }), hasCode('PERMISSION_NOT_PENDING', 'unknown'));
      assert.deepEqual(await his.asks(hub), {}, 'it is left to the terminal');
      assert.deepEqual(await pendingOf(hub, 'mallory'), []);
      assert.deepEqual(await his.send(hub, 'Stop'), {});
      assert.equal(await stateOf(bench, request.id), 'pending');
      await answer(hub, request);
      await reply;
    }),
  );

  it(
    'answered in the terminal is resolved_locally: by the tool that was used, the end of the turn, the next prompt',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const signs = [
        ['PostToolUse', tool],
        ['Stop', {}],
        ['UserPromptSubmit', { prompt: 'go on' }],
        ['SessionEnd', {}],
      ] as const;
      for (const [event, more] of signs) {
        const user = terminal();
        const reply = user.asks(hub);
        const request = await pendingAt(hub);
        assert.deepEqual(await user.send(hub, 'PostToolUse', { ...tool, tool_name: 'Read' }), {});
        assert.deepEqual(await user.send(hub, 'Stop', { agent_id: 'of a subagent' }), {});
        assert.equal(await stateOf(bench, request.id), 'pending');
        assert.deepEqual(await user.send(hub, event, more), {});
        assert.deepEqual(await reply, {}, event);
        assert.equal(await stateOf(bench, request.id), 'resolved_locally');
        await assert.rejects(answer(hub, request), hasCode('PERMISSION_NOT_PENDING', 'resolved_locally'));
        assert.deepEqual((await eventsOf(bench, user.sessionId)).at(-1), [
          ...['permission_resolved', 'resolved_locally', 'terminal'],
        ]);
      }
    }),
  );

  it(
    'of two alike only one is over when the tool was used once',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      const replies = [user.asks(hub), user.asks(hub)];
      await eventually(async () => (await pendingOf(hub)).length === 2);
      await user.send(hub, 'PostToolUse', tool);
      assert.deepEqual(await Promise.race(replies), {});
      await user.send(hub, 'PostToolUse', tool);
      assert.deepEqual(await Promise.all(replies), [{}, {}]);
    }),
  );

  it(
    'is over when the terminal shows no dialog any more, or closes its request',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      const { terminals } = hub.sessions;
      const first = user.asks(hub);
      const seen = await pendingAt(hub);
      terminals.noteStatus({ agentSessionId: user.sessionId, status: 'busy' });
      terminals.noteStatus({ agentSessionId: user.sessionId, status: 'waiting' });
      assert.equal(await stateOf(bench, seen.id), 'pending');
      terminals.noteStatus({ agentSessionId: user.sessionId, status: 'busy' });
      assert.deepEqual(await first, {});
      assert.equal(await stateOf(bench, seen.id), 'resolved_locally');
      const second = user.asks(hub);
      const { id } = await pendingAt(hub);
      user.gone.abort();
      assert.deepEqual(await second, {});
      assert.equal(await stateOf(bench, id), 'resolved_locally');
    }),
  );

  it(
    'that nobody answers is left to the terminal after its time',
    withBench(async bench => {
      const { hub } = await stage(bench, { config: { sessions: { hooks: { hold_seconds: 1 } } } });
      const user = terminal();
      const reply = user.asks(hub);
      const { id, sessionId } = await pendingAt(hub);
      assert.deepEqual(await reply, {});
      assert.equal(await stateOf(bench, id), 'expired');
      assert.deepEqual((await eventsOf(bench, sessionId)).at(-1), ['permission_resolved', 'expired', 'timeout']);
      await assert.rejects(answer(hub, { id, sessionId }), hasCode('PERMISSION_NOT_PENDING', 'expired'));
    }),
  );

  it(
    'is answered through any hub; the first of many answers wins',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const other = await bench.hub(quick);
      const user = terminal();
      const reply = user.asks(hub);
      const request = await pendingAt(other);
      const behaviors = ['allow', 'deny', 'allow', 'deny'] as const;
      const answers = behaviors.map((behavior, at) =>
        answer(at < 2 ? other : hub, request, { behavior }).then(({ isRepeat }) => ({ behavior, isRepeat })),
      );
      const settled = await Promise.allSettled(answers);
      const accepted = settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []));
      assert.equal(accepted.filter(({ isRepeat }) => !isRepeat).length, 1);
      assert.equal(new Set(accepted.map(({ behavior }) => behavior)).size, 1);
      const [first] = accepted;
      const message = first?.behavior === 'deny' ? { message: 'it was denied' } : {};
      assert.deepEqual(await reply, decided({ behavior: first?.behavior, ...message }));
      const second = user.asks(hub);
      await pendingAt(other);
      assert.deepEqual(await user.send(other, 'PostToolUse', tool), {});
      assert.deepEqual(await second, {});
    }),
  );

  it(
    'ends with the hub that holds it, also when that is killed: no answer is taken that nobody would bring',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      const reply = user.asks(hub);
      const request = await pendingAt(hub);
      user.closing.abort();
      assert.deepEqual(await reply, {});
      assert.equal(await stateOf(bench, request.id), 'expired');
      const left = { ...request, id: randomUUID(), worker: 'hub-killed', holdSeconds: 600 };
      await bench.store.terminals.ask(left, () => ({ type: 'permission_request', body: {} }));
      await assert.rejects(answer(hub, left), hasCode('PERMISSION_NOT_PENDING', 'expired'));
      const unasked = { ...left, id: randomUUID() };
      await bench.store.terminals.ask(unasked, () => ({ type: 'permission_request', body: {} }));
      await eventually(async () => (await stateOf(bench, unasked.id)) === 'expired');
    }),
  );

  it(
    'of a session that is driven here is left to its driver',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const session = await hub.sessions.desk.create(
        { agent: 'puppet', cwd: '/', permissionMode: 'default' },
        callOf(),
      );
      const user = terminal({ sessionId: session.id });
      assert.deepEqual(await user.asks(hub), {});
      assert.deepEqual(await pendingOf(hub), []);
    }),
  );

  it(
    'beyond what a caller may have waiting is left to the terminal',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const user = terminal();
      const replies = Array.from({ length: 64 }, () => user.asks(hub));
      await eventually(async () => (await bench.store.terminals.pending()).length === 64);
      assert.deepEqual(await user.asks(hub), {});
      await user.send(hub, 'Stop');
      await Promise.all(replies);
    }),
  );
});
