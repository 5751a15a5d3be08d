import { forkSession, getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { ForkOrder, ForkOutcome } from '../fork-order.ts';

const withId = z.looseObject({ id: z.string() });

/** Copies a session where the environment of the process or thread says that its transcript lies. Never rejects. */
export async function forkOnDisk(order: ForkOrder): Promise<ForkOutcome> {
  try {
    return await fork(order);
  } catch (error) {
    return { error: String(error) };
  }
}

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
