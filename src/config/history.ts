import { z } from 'zod';

/** Where agents keep their own transcripts, and how long what they said stays found. */
export const historySchema = z
  .strictObject({
    paths: z
      .strictObject({
        claude: z.string().optional().describe('configuration folder of Claude Code; default: ~/.claude'),
        codex: z.string().optional().describe('home folder of Codex; default: ~/.codex'),
        gemini: z.string().optional().describe('folder of Gemini CLI; default: ~/.gemini'),
        opencode: z.string().optional().describe('data folder of OpenCode; default: ~/.local/share/opencode'),
      })
      .prefault({}),
    retention_days: z
      .number()
      .min(1)
      .max(36_500)
      .optional()
      .describe('how long what was said stays found after an agent has removed its transcript; default: for ever'),
  })
  .prefault({});
