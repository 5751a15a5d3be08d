import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import {
  answer,
  decided,
  pendingAt,
  pendingOf,
  stateOf,
  terminal,
  tool,
} from '../../../../test/support/hook-terminal.ts';
import { alice, type Bench, callOf, mallory, withBench } from '../../../../test/support/hub-under-test.ts';
import { type Puppet, puppetDriver } from '../../../../test/support/puppet-agent.ts';
import { AppError } from '../../../errors/app-error.ts';

const hasCode =
  (code: string, state?: string) =>
  (error: unknown): boolean =>
    error instanceof AppError && error.code === code && (state === undefined || error.details.state === state);

const quick = { timing: { retryMs: 20, sweepMs: 50 } };

const eventsOf = async (bench: Bench, sessionId: string) =>
  (await bench.store.events.read(`session:${sessionId}`, 0, 100)).map(({ type, body }) => [type, body.state, body.by]);

async function stage(bench: Bench, more: Parameters<Bench['hub']>[0] = {}) {
  const puppets: Puppet[] = [];
  const hub = await bench.hub({ ...quick, ...more });
  await bench.worker({ driver: puppetDriver(puppets) });
  return { hub, puppets };
}

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
    'is nobody else’s: neither seen nor answered by another caller, who may have the same session',
    withBench(async bench => {
      const { hub } = await stage(bench);
      const sessionId = randomUUID();
      const [hers, his] = [terminal({ sessionId }), terminal({ sessionId, caller: 'mallory' })];
      const reply = hers.asks(hub);
      const request = await pendingAt(hub);
      assert.deepEqual(await pendingOf(hub, 'mallory'), []);
      await assert.rejects(answer(hub, request, { caller: mallory }), hasCode('PERMISSION_NOT_PENDING', 'unknown'));
      const other = his.asks(hub);
      const foreign = await pendingAt(hub, 'mallory');
      assert.notEqual(foreign.sessionId, request.sessionId);
      assert.deepEqual(await his.send(hub, 'Stop'), {});
      assert.deepEqual(await other, {});
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
