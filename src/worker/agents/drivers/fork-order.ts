import { z } from 'zod';
import { AppError } from '../../../errors/app-error.ts';
import type { ForkRequest } from '../driver.ts';

/** What a program or thread is told that copies a session on disk, and what it answers. */

export const forkOrderSchema = z.object({
  agentSessionId: z.string(),
  cwd: z.string(),
  atMessageId: z.string().optional(),
  title: z.string().optional(),
});
export type ForkOrder = z.output<typeof forkOrderSchema>;

export const forkOutcomeSchema = z.union([
  z.object({ agentSessionId: z.string() }),
  z.object({ missing: z.enum(['session', 'message']) }),
  z.object({ error: z.string() }),
]);
export type ForkOutcome = z.output<typeof forkOutcomeSchema>;

/** The copy. Throws SESSION_NOT_FOUND, and VALIDATION_ERROR for a message that the session has not. */
export function forkedSession(
  outcome: ForkOutcome,
  { agentSessionId, atMessageId }: Pick<ForkRequest, 'agentSessionId' | 'atMessageId'>,
): { agentSessionId: string } {
  if ('agentSessionId' in outcome) return outcome;
  if ('error' in outcome) throw new Error(`a session was not forked: ${outcome.error}`);
  if (outcome.missing === 'session') throw new AppError('SESSION_NOT_FOUND', `Session not found: ${agentSessionId}`);
  throw new AppError('VALIDATION_ERROR', `at_message_id: the session has no message ${atMessageId}`);
}
