import { z } from 'zod';
import { permissionModeSchema } from '../../protocol/sessions.ts';

/** Arguments that several operations on sessions share. */
export const sessionId = z
  .string()
  .refine(id => /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(id), 'must be a UUID')
  .transform(id => id.toLowerCase())
  .describe('handle of the session');
/** Accepted, as the earlier system asked for it, and not shown to models. */
export const slug = z.string().max(512).optional().meta({ hidden: true, description: 'its project; not needed' });
export const project = z.string().max(512).optional().describe('only of this project');
export const at = { worker_id: z.string().optional().describe('only this worker') };
export const agent = z
  .string()
  .refine(kind => /^[a-z][a-z0-9-]{0,31}$/.test(kind), 'must be a kind of agent, such as claude');
export const permissionMode = permissionModeSchema.optional().describe('what the agent may do without asking');
export const since = z.int().min(0).optional().describe('epoch milliseconds');
export const paging = (usual: number, most: number) => ({
  limit: z.int().min(1).max(most).default(usual).describe('most entries to return'),
  cursor: z.string().max(4096).optional().describe('nextCursor of the page before'),
});
/** Models cannot upload, so they are not shown it. */
const attachments = z
  .array(z.strictObject({ fileId: z.string().max(64) }))
  .max(10)
  .default([])
  .meta({ hidden: true, description: 'uploaded files' });
/** How a prompt is delivered. */
export const deliver = {
  when_open: z
    .enum(['error', 'fork', 'queue', 'wait'])
    .default('error')
    .meta({ brief: 'session open in a terminal', description: 'what to do with a session that is open in a terminal' }),
  when_busy: z
    .enum(['queue', 'interrupt', 'error'])
    .default('queue')
    .meta({ brief: 'turn running', description: 'what to do while a turn runs' }),
  attachments,
};
export const reading = { readOnly: true, destructive: false, idempotent: true, openWorld: false };
export const acting = { readOnly: false, destructive: false, idempotent: false, openWorld: true };
export const ending = { readOnly: false, destructive: true, idempotent: true, openWorld: false };
