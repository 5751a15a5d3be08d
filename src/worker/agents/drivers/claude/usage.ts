import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Usage } from '../../../../protocol/sessions.ts';

/** Sums of the session as Claude Code counts and prices them, over all models and with what subagents used. */
export function sumsOf({ modelUsage, total_cost_usd }: SDKResultMessage): Usage {
  const models = Object.values(modelUsage);
  const sum = (pick: (model: (typeof models)[number]) => number) => models.reduce((all, one) => all + pick(one), 0);
  return {
    inputTokens: sum(model => model.inputTokens),
    outputTokens: sum(model => model.outputTokens),
    cacheReadTokens: sum(model => model.cacheReadInputTokens),
    cacheWriteTokens: sum(model => model.cacheCreationInputTokens),
    costUsd: total_cost_usd,
  };
}

/** What came on top since the sums were last told. */
export const difference = (after: Usage, before: Usage): Usage => ({
  inputTokens: after.inputTokens - before.inputTokens,
  outputTokens: after.outputTokens - before.outputTokens,
  cacheReadTokens: after.cacheReadTokens - before.cacheReadTokens,
  cacheWriteTokens: after.cacheWriteTokens - before.cacheWriteTokens,
  costUsd: (after.costUsd ?? 0) - (before.costUsd ?? 0),
});

export const nothingUsed: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0,
};
