import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ForkRequest } from '../../driver.ts';
import { type ForkOrder, forkedSession, forkOrderSchema, forkOutcomeSchema } from '../fork-order.ts';

const program = join(import.meta.dirname, `fork-thread${extname(import.meta.filename)}`);

/**
 * Copies a session on disk, without a process of Claude Code. In a thread, because the SDK finds the transcripts by the environment,
 * and ours may be another than the agent's. Throws SESSION_NOT_FOUND, VALIDATION_ERROR.
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
  return forkedSession(forkOutcomeSchema.parse(await told.promise), request);
}
