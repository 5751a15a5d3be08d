import type { z } from 'zod';

/**
 * Holds a schema to an API document: it must accept everything that the document permits (`readerOf<CodegenApi['AgentRunResponse']>()(schema)`).
 * It may accept more, as words that newer servers use.
 */
export const readerOf =
  <Documented>() =>
  <Schema extends z.ZodType>(schema: Schema & (Documented extends z.input<Schema> ? unknown : never)): Schema =>
    schema;
