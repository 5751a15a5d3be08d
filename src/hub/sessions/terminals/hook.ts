import { z } from 'zod';
import { AppError } from '../../../errors/app-error.ts';
import type { JsonObject } from '../../../store/rows.ts';

const MAX_PATH = 4096;
const jsonObject = z.record(z.string(), z.json());

const hookSchema = z.object({
  hook_event_name: z.string().min(1).max(64),
  session_id: z.uuid().transform(id => id.toLowerCase()),
  cwd: z.string().max(MAX_PATH).default(''),
  transcript_path: z.string().max(MAX_PATH).default(''),
  permission_mode: z.string().optional().catch(undefined),
  /** Of a subagent. */
  agent_id: z.string().optional().catch(undefined),
  tool_name: z.string().max(512).optional().catch(undefined),
  tool_input: jsonObject.optional().catch(undefined),
});

/** What a hook of Claude Code in a terminal tells, as far as it is understood here. */
export interface Hook {
  readonly event: string;
  /** Claude Code's own id of the session. */
  readonly sessionId: string;
  readonly cwd: string;
  readonly transcriptPath: string;
  readonly permissionMode: string | undefined;
  readonly subagent: string | undefined;
  readonly tool: { readonly name: string; readonly input: JsonObject } | undefined;
}

/** Throws AppError VALIDATION_ERROR. Fields and events that are not known here do no harm: they change with every version. */
export function readHook(body: unknown): Hook {
  const parsed = hookSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError(
      'VALIDATION_ERROR',
      `this is no hook of Claude Code: ${issue?.path.join('.')}: ${issue?.message}`,
      {
        hint: 'boxswain sessions hooks install writes the settings that send them here',
      },
    );
  }
  const { hook_event_name: event, session_id: sessionId, cwd, transcript_path: transcriptPath, ...rest } = parsed.data;
  const { tool_name: name, tool_input: input } = rest;
  const { permission_mode: permissionMode, agent_id: subagent } = rest;
  const tool = name === undefined ? undefined : { name, input: input ?? {} };
  return { event, sessionId, cwd, transcriptPath, permissionMode, subagent, tool };
}
