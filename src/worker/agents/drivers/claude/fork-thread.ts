/** The thread of `fork.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { forkSession, getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { type ForkOrder, type ForkOutcome, forkOrderSchema } from './fork.ts';

const withId = z.looseObject({ id: z.string() });

async function fork({ agentSessionId, cwd, atMessageId, title }: ForkOrder): Promise<ForkOutcome> {
  const messages = await getSessionMessages(agentSessionId, { dir: cwd });
  if (messages.length === 0) return { missing: 'session' };
  // An answer of the model is several lines of one id: up to it means up to its last.
  const isIt = (uuid: string, message: unknown) =>
    uuid === atMessageId || withId.safeParse(message).data?.id === atMessageId;
  const last = atMessageId === undefined ? undefined : messages.findLast(({ uuid, message }) => isIt(uuid, message));
  if (atMessageId !== undefined && last === undefined) return { missing: 'message' };
  const forked = await forkSession(agentSessionId, { dir: cwd, title, upToMessageId: last?.uuid });
  return { agentSessionId: forked.sessionId };
}

const outcome = await fork(forkOrderSchema.parse(workerData)).catch(error => ({ error: String(error) }));
parentPort?.postMessage(outcome);
