import { z } from 'zod';

/** A session that its user has open in a terminal, as a worker told. */
export interface OpenRecord {
  readonly agent: string;
  readonly agentSessionId: string;
  readonly pid: number;
  readonly status: 'idle' | 'busy' | 'waiting';
  /** Epoch milliseconds. */
  readonly since: number;
}

const openRecords = z.array(
  z.object({
    agent: z.string(),
    agentSessionId: z.string(),
    pid: z.number(),
    status: z.enum(['idle', 'busy', 'waiting']),
    since: z.number(),
  }),
);

/** What a worker told, as it is kept. */
export const openRecordsOf = (text: string): OpenRecord[] => openRecords.parse(JSON.parse(text));
