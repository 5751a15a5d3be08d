import { join } from 'node:path';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { AppError } from '../../../../errors/app-error.ts';
import type { ForkRequest } from '../../driver.ts';

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

const program = join(import.meta.dirname, `fork-thread${extname(import.meta.filename)}`);

/**
 * Copies a session on disk, without a process of Claude Code. In a thread, because the SDK finds the transcripts by the environment,
 * and ours may be another than the agent's.
 */
export async function forkSession(
  request: ForkRequest,
  environment: Readonly<Record<string, string>>,
): Promise<{ agentSessionId: string }> {
  const config = environment.CLAUDE_CONFIG_DIR ?? join(environment.HOME ?? '/', '.claude');
  const workerData: ForkOrder = forkOrderSchema.parse(request);
  const thread = new Worker(program, { workerData, env: { CLAUDE_CONFIG_DIR: config } });
  const told = Promise.withResolvers<unknown>();
  thread.once('message', told.resolve);
  thread.once('error', told.reject);
  thread.once('exit', () => told.reject(new Error('the thread that forks ended early')));
  const outcome = forkOutcomeSchema.parse(await told.promise);
  if ('agentSessionId' in outcome) return outcome;
  if ('error' in outcome) throw new Error(`a session was not forked: ${outcome.error}`);
  if (outcome.missing === 'session') {
    throw new AppError('SESSION_NOT_FOUND', `Session not found: ${request.agentSessionId}`);
  }
  throw new AppError('VALIDATION_ERROR', `at_message_id: the session has no message ${request.atMessageId}`);
}
