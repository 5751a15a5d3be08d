import { z } from 'zod';
import { defineOperation } from '../define.ts';

export const echo = defineOperation({
  name: 'echo',
  toolset: 'sandbox',
  title: 'Echo',
  description: 'Answers with the same message: shows that the server is there.',
  input: z.strictObject({ message: z.string().describe('text to answer with') }),
  output: z.looseObject({ message: z.string() }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'any',
  core: true,
  always: true,
  cli: { words: ['sandbox', 'echo'], positional: 'message', examples: ['boxswain sandbox echo hello'] },
  text: output => output.message,
  run: async ({ message }) => ({ message }),
});
