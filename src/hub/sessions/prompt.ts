import { z } from 'zod';
import { attachmentSchema } from '../../protocol/session-messages.ts';

/** A prompt as it waits for its turn. */
export const promptSchema = z.object({ text: z.string(), attachments: z.array(attachmentSchema) });
export type Prompt = z.output<typeof promptSchema>;
