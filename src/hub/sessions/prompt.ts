import { z } from 'zod';
import { attachmentSchema } from '../../protocol/session-messages.ts';
import { promptDeliveries } from '../../store/agents/prompt-delivery.ts';

/** A prompt as it waits for its turn. */
export const promptSchema = z.object({
  text: z.string(),
  attachments: z.array(attachmentSchema),
  deliver: z.enum(promptDeliveries).optional(),
  /** What its caller chose should it be open in a terminal; absent: to be told. */
  whenOpen: z.enum(['fork', 'queue', 'wait']).optional(),
});
export type Prompt = z.output<typeof promptSchema>;
