import { z } from 'zod';

/** What the history's threads are given and tell each other. */

export const threadDataSchema = z.object({
  /** Of the index, absolute. */
  path: z.string(),
  roots: z.object({
    claude: z.string().optional(),
    codex: z.string().optional(),
    gemini: z.string().optional(),
    opencode: z.string().optional(),
    opencodeConfig: z.string().optional(),
    scripted: z.string().optional(),
  }),
  maxWatches: z.number(),
  sweepMs: z.object({ watched: z.number(), polled: z.number() }),
  retentionDays: z.number().optional(),
});
export type ThreadData = z.output<typeof threadDataSchema>;

export type IndexRequest =
  | { readonly type: 'refresh'; readonly id: number }
  /** To give a directory its slug, before anything was written there. */
  | { readonly type: 'project'; readonly id: number; readonly path: string }
  | { readonly type: 'close' };

export type IndexReport =
  /** The index's file is there. */
  | { readonly type: 'open' }
  | { readonly type: 'caught-up' }
  | { readonly type: 'refreshed'; readonly id: number }
  | { readonly type: 'written'; readonly written: readonly { session: number; messages: readonly number[] }[] }
  | { readonly type: 'error'; readonly message: string };

export interface QueryRequest {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

export type QueryAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: { code: string; message: string } };
