import { z } from 'zod';
import { type Agent, agentCapabilities, agentStatuses, providerNames } from '../../providers/provider.ts';

/** An agent as it was written down: in a snapshot of a list, or with the answer of a call. */
export const agentSchema: z.ZodType<Agent> = z.object({
  provider: z.enum(providerNames),
  id: z.string(),
  user: z.string(),
  workspaceId: z.string().nullable(),
  workspaceName: z.string().nullable(),
  name: z.string().nullable(),
  status: z.enum(agentStatuses),
  createdAt: z.string().nullable(),
  updatedAt: z.string().nullable(),
  lastActivityAt: z.string().nullable(),
  capabilities: z.array(z.enum(agentCapabilities)),
  labels: z.array(z.string()),
  initialPrompt: z.string().nullable(),
  connected: z.boolean(),
  metadata: z.record(z.string(), z.unknown()),
  url: z.string().nullable(),
});
