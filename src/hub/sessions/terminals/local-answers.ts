import { z } from 'zod';
import { hashJson } from '../../json.ts';
import type { Hook } from './hook.ts';

/** What a hook says about requests of its session that still wait. */
export const localSignSchema = z.object({
  caller: z.string(),
  sessionId: z.string(),
  event: z.string(),
  /** Name and input of the tool that was used. */
  tool: z.string().nullable(),
  subagent: z.string().nullable(),
});
export type LocalSign = z.output<typeof localSignSchema>;

/** What a terminal was seen doing; it is `waiting` while it shows a dialog. */
export const statusSignSchema = z.object({
  agentSessionId: z.string(),
  status: z.enum(['idle', 'busy', 'waiting', 'closed']),
});
export type StatusSign = z.output<typeof statusSignSchema>;

/** A request as signs are compared with it. */
export type Asked = Omit<LocalSign, 'event'> & { readonly tool: string };

/** The turn went on or ended, so that no dialog of it is left. */
const ENDS_TURN: ReadonlySet<string> = new Set(['Stop', 'StopFailure', 'UserPromptSubmit']);
const USED: ReadonlySet<string> = new Set(['PostToolUse', 'PostToolUseFailure', 'PermissionDenied']);

export const toolKey = ({ name, input }: NonNullable<Hook['tool']>): string => `${name} ${hashJson(input)}`;

export function signOf({ sessionId, event, tool, subagent }: Hook, caller: string): LocalSign {
  return { caller, sessionId, event, tool: tool === undefined ? null : toolKey(tool), subagent: subagent ?? null };
}

/** Whether the sign shows that the request was answered in the terminal. Hooks name no call, so tool and input are compared. */
export function showsAnswer(sign: LocalSign, asked: Asked): boolean {
  if (sign.caller !== asked.caller || sign.sessionId !== asked.sessionId) return false;
  if (sign.event === 'SessionEnd') return true;
  if (USED.has(sign.event)) return sign.tool === asked.tool;
  // A subagent goes on asking when the turn that began it is over.
  return ENDS_TURN.has(sign.event) && asked.subagent === null && sign.subagent === null;
}
