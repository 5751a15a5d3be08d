import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Usage } from '../../../../protocol/sessions.ts';
import { UsageCounter } from './usage.ts';

type Result = Parameters<UsageCounter['count']>[0];

/** What a result tells: sums of `inputs` and dollars, and the tokens of its own turn. */
function result(sums: { input: number; output: number; cost: number }, own: { input: number; output: number }): Result {
  const modelUsage = {
    model: {
      inputTokens: sums.input,
      outputTokens: sums.output,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
      webSearchRequests: 0,
      costUSD: sums.cost,
      contextWindow: 1,
      maxOutputTokens: 1,
    },
  };
  return { modelUsage, total_cost_usd: sums.cost, usage: { input_tokens: own.input, output_tokens: own.output } };
}

const tokens = ({ inputTokens, outputTokens, costUsd }: Usage) => [inputTokens, outputTokens, costUsd];
const used: Usage = { inputTokens: 100, outputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 1 };

test('a new session is counted from nothing, also with what subagents used', () => {
  const counter = new UsageCounter({ isResumed: false, used: undefined });
  const { turn, session } = counter.count(result({ input: 30, output: 3, cost: 0.5 }, { input: 10, output: 1 }));
  assert.deepEqual(
    [tokens(turn), tokens(session)],
    [
      [30, 3, 0.5],
      [30, 3, 0.5],
    ],
  );
});

test('sums that went on are told apart from sums that began anew', () => {
  const went = new UsageCounter({ isResumed: true, used });
  const on = went.count(result({ input: 105, output: 11, cost: 1.25 }, { input: 5, output: 1 }));
  assert.deepEqual(
    [tokens(on.turn), tokens(on.session)],
    [
      [5, 1, 0.25],
      [105, 11, 1.25],
    ],
  );
  const began = new UsageCounter({ isResumed: true, used });
  const anew = began.count(result({ input: 5, output: 1, cost: 0.25 }, { input: 5, output: 1 }));
  assert.deepEqual(
    [tokens(anew.turn), tokens(anew.session)],
    [
      [5, 1, 0.25],
      [105, 11, 1.25],
    ],
  );
});

test('a turn whose price cannot be told from what was before has none', () => {
  const counter = new UsageCounter({ isResumed: true, used });
  const { turn, session } = counter.count(result({ input: 55, output: 6, cost: 0.75 }, { input: 5, output: 1 }));
  assert.deepEqual(
    [tokens(turn), tokens(session)],
    [
      [5, 1, null],
      [105, 11, 1],
    ],
  );
});
