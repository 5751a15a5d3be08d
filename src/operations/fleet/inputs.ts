import { z } from 'zod';
import { agentStatuses, providerNames } from '../../providers/provider.ts';

const STATUS_WORDS = [...agentStatuses, 'all'] as const;
const PROVIDER_WORDS = [...providerNames, 'all'] as const;

/** Arguments that several operations on the fleet share. */
export const provider = {
  provider: z.enum(PROVIDER_WORDS).default('all').describe('where the agent runs'),
};
export const user = {
  user: z.string().max(256).default('me').describe('owner of the agent; default: of the credentials'),
};
export const agentId = z.string().min(1).max(256).describe('id of the agent, also as coder:ID, codegen:ID or local:ID');
export const cursor = z.string().max(2048).optional().describe('next_cursor of the page before');
export const whileBusy = 'what to do while the agent works';

/** Taken in any case. */
export const status = z
  .string()
  .refine(word => isStatusWord(word), `must be one of ${STATUS_WORDS.join(', ')}`)
  .optional()
  .meta({ enum: [...STATUS_WORDS], description: 'only agents in this state' });

const isStatusWord = (word: string): boolean => STATUS_WORDS.some(one => one === word.toLowerCase());

/** Undefined: whatever their status is. */
export const statusOf = (word: string | undefined) => agentStatuses.find(status => status === word?.toLowerCase());

export const reading = { readOnly: true, destructive: false, idempotent: true, openWorld: true };
export const acting = { readOnly: false, destructive: false, idempotent: false, openWorld: true };
export const deleting = { readOnly: false, destructive: true, idempotent: true, openWorld: true };
