import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Usage } from '../../../../protocol/sessions.ts';
import { nothingUsed, plus } from '../usage.ts';

/** What counts of a result. */
type Told = Pick<SDKResultMessage, 'modelUsage' | 'total_cost_usd'> & {
  readonly usage: {
    readonly input_tokens: number;
    readonly output_tokens: number;
    readonly cache_read_input_tokens?: number | null;
    readonly cache_creation_input_tokens?: number | null;
  };
};

/** Claude Code as it counts and prices by itself, over all models and with what subagents used. */
const sumsOf = ({ modelUsage, total_cost_usd }: Told): Usage => {
  const models = Object.values(modelUsage);
  const sum = (pick: (model: (typeof models)[number]) => number) => models.reduce((all, one) => all + pick(one), 0);
  return {
    inputTokens: sum(model => model.inputTokens),
    outputTokens: sum(model => model.outputTokens),
    cacheReadTokens: sum(model => model.cacheReadInputTokens),
    cacheWriteTokens: sum(model => model.cacheCreationInputTokens),
    costUsd: total_cost_usd,
  };
};

/**
 * What turns and the session use. Claude Code tells sums: of the session as its last process that ended properly left it, so without
 * those that were killed, and of a fork from its beginning. Which of these shows at the first result after going on.
 */
export class UsageCounter {
  /** Of the session, as far as known. */
  #session: Usage;
  /** The last sums that were told; undefined until the first result after going on. */
  #last: Usage | undefined;
  readonly #used: Usage | undefined;

  constructor({ isResumed, used }: { isResumed: boolean; used: Usage | undefined }) {
    this.#used = used;
    this.#session = used ?? nothingUsed;
    this.#last = isResumed ? undefined : { ...nothingUsed, costUsd: 0 };
  }

  /** Of the turn, and of the session with it. The turn's cost is null where it cannot be told from what was before. */
  count(result: Told): { turn: Usage; session: Usage } {
    const sums = sumsOf(result);
    const before = this.#last ?? this.#before(sums, result);
    this.#last = sums;
    const cost = before.costUsd === null || sums.costUsd === null ? null : sums.costUsd - before.costUsd;
    const turn = { ...minus(sums, before), costUsd: cost };
    // Without a word of ours from before, what Claude Code has kept is all there is.
    this.#session = this.#used === undefined ? sums : plus(this.#session, turn);
    return { turn, session: this.#session };
  }

  /** What the sums held before the first turn after going on. */
  #before(sums: Usage, { usage }: Told): Usage {
    const main: Usage = {
      inputTokens: usage.input_tokens,
      outputTokens: usage.output_tokens,
      cacheReadTokens: usage.cache_read_input_tokens ?? 0,
      cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
      costUsd: null,
    };
    if (this.#used !== undefined && isAtLeast(minus(sums, this.#used), main)) return this.#used;
    const before = minus(sums, main);
    // With nothing before the cost is the turn's; else the price of what was before is not told.
    return { ...before, costUsd: before.inputTokens === 0 && before.outputTokens === 0 ? 0 : null };
  }
}

const isAtLeast = (a: Usage, b: Usage): boolean => a.inputTokens >= b.inputTokens && a.outputTokens >= b.outputTokens;

const minus = (after: Usage, before: Usage): Usage => ({
  inputTokens: after.inputTokens - before.inputTokens,
  outputTokens: after.outputTokens - before.outputTokens,
  cacheReadTokens: after.cacheReadTokens - before.cacheReadTokens,
  cacheWriteTokens: after.cacheWriteTokens - before.cacheWriteTokens,
  costUsd: null,
});
