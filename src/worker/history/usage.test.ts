import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { costShares, type TotalRow } from './queries/costs.ts';
import { claudeLines, type ClaudeLines, codexLines, says, testPlace, testUuid } from './transcripts-for-tests.ts';

const DAY_MS = 86_400_000;

function costState(
  session: ClaudeLines,
  { startTime, cost, input = 0 }: { startTime: number; cost: number; input?: number },
): void {
  const modelUsage = { 'claude-x': { inputTokens: input, outputTokens: 0, costUSD: cost } };
  session.line({ type: 'cost-state', totalCostUSD: cost, startTime, modelUsage, hasUnknownModelCost: false });
}

test('token totals equal the sums of the transcripts, lines that share a message id counted once', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('go');
  // Longer than anything that might be read in one piece.
  for (let at = 0; at < 300; at++) {
    session.assistant(says('x'.repeat(400)), { answer: `msg_${at}`, usage: { input_tokens: 7, output_tokens: 1 } });
    session.assistant(says('y'), { answer: `msg_${at}`, usage: { input_tokens: 7, output_tokens: 3 } });
  }
  session.assistant(says('interrupted'), { answer: 'msg_0' });
  session.assistant(says('not the model'), {
    answer: 'synthetic',
    line: {
      message: {
        id: 'synthetic',
        role: 'assistant',
        model: '<synthetic>',
        content: [says('no')],
        usage: { input_tokens: 99 },
      },
    },
  });
  await place.claude(session);
  await using history = await place.open();
  const usage = await history.usage({});
  // The repeated line of the first message says 10 and 2: the last one counts.
  assert.equal(usage.totalInputTokens, 299 * 7 + 10);
  assert.equal(usage.totalOutputTokens, 299 * 3 + 2);
  assert.equal(usage.unpricedSessions, 1);
  assert.deepEqual(
    usage.byModel.map(({ model }) => model),
    ['claude-x'],
  );
});

for (const order of ['parent first', 'fork first']) {
  test(`what a fork copied counts once and for the session that spent it (${order})`, async () => {
    await using place = await testPlace();
    const parent = claudeLines();
    parent.user('go');
    parent.assistant(says('one'), { answer: 'msg_one' });
    const fork = claudeLines();
    fork.user('go');
    fork.assistant(says('one'), { answer: 'msg_one', line: { requestSessionId: parent.sessionId } });
    fork.user('more');
    fork.assistant(says('two'), { answer: 'msg_two' });
    const both = order === 'parent first' ? [parent, fork] : [fork, parent];
    await using history = await place.open();
    for (const session of both) {
      await place.claude(session);
      await history.refresh();
    }
    assert.equal((await history.usage({})).totalInputTokens, 20);
    const { sessions } = await history.sessions({ limit: 5 });
    const byId = new Map(sessions.map(session => [session.id, session]));
    assert.equal(byId.get(parent.sessionId)?.usage.inputTokens, 10);
    assert.equal(byId.get(fork.sessionId)?.usage.inputTokens, 10);
    assert.equal(byId.get(fork.sessionId)?.forkedFrom, parent.sessionId);
  });
}

test('running totals: the last of each process counts, and processes add up', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('go');
  session.assistant(says('x'));
  costState(session, { startTime: 1, cost: 1 });
  costState(session, { startTime: 2, cost: 5, input: 50 });
  costState(session, { startTime: 1, cost: 2, input: 20 });
  await place.claude(session);
  await using history = await place.open();
  const usage = await history.usage({});
  assert.equal(usage.totalCostUsd, 7);
  assert.equal(usage.unpricedSessions, 0);
  assert.deepEqual(usage.byAgent[0]?.recorded, { inputTokens: 70, outputTokens: 0 });
  assert.equal(usage.totalInputTokens, 10, 'tokens of lines are told apart from recorded ones');
  assert.equal((await history.sessions({ limit: 1 })).sessions[0]?.usage.costUsd, 7);
});

test('a fork inherits the running total of its parent, which is not spent twice', async () => {
  await using place = await testPlace();
  const parent = claudeLines();
  parent.user('go');
  parent.assistant(says('x'), { answer: 'msg_shared' });
  costState(parent, { startTime: 100, cost: 3 });
  const fork = claudeLines();
  fork.user('go');
  // Copied lines are not always marked; that they share a call tells that they are a family.
  fork.assistant(says('x'), { answer: 'msg_shared' });
  fork.assistant(says('y'));
  costState(fork, { startTime: 100, cost: 4 });
  const stranger = claudeLines();
  stranger.user('other');
  stranger.assistant(says('z'));
  costState(stranger, { startTime: 100, cost: 10 });
  for (const session of [parent, fork, stranger]) await place.claude(session);
  await using history = await place.open();
  assert.equal((await history.usage({})).totalCostUsd, 14, 'two families may share a start time');
  const { sessions } = await history.sessions({ limit: 5 });
  const costs = new Map(sessions.map(({ id, usage }) => [id, usage.costUsd]));
  assert.deepEqual(
    [parent, fork, stranger].map(({ sessionId }) => costs.get(sessionId)),
    [3, 1, 10],
  );
});

test('costs go to the days on which they were spent, and filters leave out the others', async () => {
  await using place = await testPlace();
  const first = Date.UTC(2026, 2, 1, 10);
  const session = claudeLines({ startedAt: first });
  session.user('monday');
  session.assistant(says('x'));
  costState(session, { startTime: first, cost: 1 });
  const next = claudeLines({ sessionId: session.sessionId, startedAt: first + DAY_MS });
  next.user('tuesday');
  next.assistant(says('y'), { answer: 'msg_y' });
  costState(next, { startTime: first, cost: 4 });
  session.lines.push(...next.lines);
  await place.claude(session);
  await using history = await place.open();
  const usage = await history.usage({});
  assert.deepEqual(
    usage.daily.map(({ date, totalCost, totalInputTokens, totalSessions }) => [
      date,
      totalCost,
      totalInputTokens,
      totalSessions,
    ]),
    [
      ['2026-03-01', 1, 10, 1],
      ['2026-03-02', 3, 10, 1],
    ],
  );
  const later = await history.usage({ since: first + DAY_MS / 2 });
  assert.equal(later.totalCostUsd, 4, 'the day of since counts whole');
  const tuesday = await history.usage({ since: Date.UTC(2026, 2, 2) });
  assert.deepEqual([tuesday.totalCostUsd, tuesday.totalInputTokens], [3, 10]);
  assert.equal((await history.usage({ until: first - DAY_MS })).totalSessions, 0);
  assert.equal((await history.usage({ slug: 'unknown' })).totalSessions, 0);
});

test('a session of an agent that records no price counts as unpriced and adds no cost', async () => {
  await using place = await testPlace();
  const [id, forkId] = [testUuid(), testUuid()];
  await place.write(`codex/sessions/2026/11/21/rollout-2026-11-21T12-00-00-${id}.jsonl`, codexLines(id));
  await place.write(
    `codex/sessions/2026/11/22/rollout-2026-11-22T12-00-00-${forkId}.jsonl`,
    codexLines(forkId, { forkedFrom: id }),
  );
  await using history = await place.open();
  const usage = await history.usage({ agent: 'codex' });
  assert.equal(usage.totalSessions, 2);
  assert.deepEqual([usage.totalInputTokens, usage.totalCacheReadTokens, usage.totalOutputTokens], [60, 40, 20]);
  assert.equal(usage.totalCostUsd, 0);
  assert.equal(usage.unpricedSessions, 1, 'the fork spent nothing of its own');
  assert.equal(usage.byAgent[0]?.costSource, 'none');
});

test('shares of running totals add up to the largest of each series in a family, in whatever order they are read', () => {
  const row = fc.record({
    session: fc.integer({ min: 1, max: 4 }),
    startTime: fc.integer({ min: 1, max: 3 }),
    cost: fc.integer({ min: 0, max: 100 }),
  });
  fc.assert(
    fc.property(fc.uniqueArray(row, { selector: ({ session, startTime }) => `${session} ${startTime}` }), found => {
      const rows = found.map(
        ({ session, startTime, cost }): TotalRow => ({
          session,
          startTime,
          cost,
          family: session % 2,
          day: 1,
          input: cost,
          output: 0,
          models: JSON.stringify({ m: cost }),
        }),
      );
      const shares = [...costShares(rows).values()];
      const largest = [...Map.groupBy(rows, one => `${one.family} ${one.startTime}`).values()].map(group =>
        Math.max(...group.map(({ cost }) => cost)),
      );
      const expected = largest.reduce((sum, cost) => sum + cost, 0);
      assert.equal(
        shares.reduce((sum, share) => sum + share.cost, 0),
        expected,
      );
      assert.equal(
        shares.reduce((sum, share) => sum + (share.byDay.get(1) ?? 0), 0),
        expected,
      );
      assert.equal(
        shares.reduce((sum, share) => sum + (share.byModel.get('m') ?? 0), 0),
        expected,
      );
      const reversed = [...costShares(rows.toReversed()).values()].reduce((sum, share) => sum + share.cost, 0);
      assert.equal(reversed, expected);
    }),
  );
});
