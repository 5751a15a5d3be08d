import { z } from 'zod';
import type { Usage } from '../../../../protocol/sessions.ts';

const usageSchema = z.looseObject({
  usage: z.looseObject({
    inputTokens: z.number(),
    outputTokens: z.number(),
    totalTokens: z.number().optional(),
    cachedReadTokens: z.number().nullish(),
    cachedWriteTokens: z.number().nullish(),
  }),
});

/** The tokens of a turn as its end tells them; undefined when it does not. Agents differ in whether cached ones are input. */
export function usageOfTurn(end: unknown, costUsd: number | null): Usage | undefined {
  const told = usageSchema.safeParse(end).data?.usage;
  if (told === undefined) return undefined;
  const cacheReadTokens = told.cachedReadTokens ?? 0;
  const cacheWriteTokens = told.cachedWriteTokens ?? 0;
  const { outputTokens } = told;
  const isInside = told.totalTokens === told.inputTokens + outputTokens;
  const inputTokens = told.inputTokens - (isInside ? cacheReadTokens + cacheWriteTokens : 0);
  return { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd };
}
