import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Remember } from '../../../../protocol/sessions.ts';
import type { PermissionAnswer, PermissionQuestion } from '../../driver.ts';
import type { AcpAgent } from './known-agents.ts';
import { toolTold } from './tools-v1.ts';

export const permissionRequestSchema = z.looseObject({
  sessionId: z.string(),
  toolCall: toolTold,
  options: z.array(z.looseObject({ optionId: z.string(), kind: z.string() })),
});
type PermissionRequest = z.output<typeof permissionRequestSchema>;

export function questionOf({ toolCall, options }: PermissionRequest, agent: AcpAgent): PermissionQuestion {
  const toolName = toolCall.name ?? toolCall.kind ?? 'other';
  const lasting = options.some(({ kind }) => kind === 'allow_always');
  const remember: Remember[] = lasting ? ['once', agent.remembers] : ['once'];
  const description = toolCall.title ?? toolName;
  return { requestId: randomUUID(), toolName, description, input: toolCall.rawInput ?? {}, remember };
}

/** The agent's option that means the answer; undefined, which cancels, when it has none. */
export function optionFor({ options }: PermissionRequest, answer: PermissionAnswer): string | undefined {
  const pick = (...kinds: string[]) =>
    kinds.map(wanted => options.find(({ kind }) => kind === wanted)).find(option => option !== undefined)?.optionId;
  if (answer.behavior === 'cancelled') return undefined;
  if (answer.behavior === 'deny') return pick('reject_once', 'reject_always');
  // The protocol has no way to change the input: to run the tool with the old one would not be what was answered.
  if (answer.updatedInput !== undefined) return pick('reject_once', 'reject_always');
  return answer.remember === 'once' ? pick('allow_once') : pick('allow_always', 'allow_once');
}
