import { z } from 'zod';
import { badArgument } from '../arguments.ts';

const MAX_METADATA_BYTES = 16 * 1024;
const MAX_IMAGES = 5;

/** The number of a run, also as digits. */
const runId = z.union([
  z.int().min(0),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);
export const agentRunId = runId.describe('number of the run');
const orchestrator = runId.optional().describe('run that is told the result when this one ends');

export const repo = z
  .string()
  .regex(/^[^/\s]+\/[^/\s]+$/)
  .describe('repository, as owner/name');

/** What both kinds of starts take. */
export const starting = {
  task: z.string().max(200).optional().describe('kind of task, such as CREATE_PLAN'),
  metadata: z
    .record(z.string(), z.json())
    .check(({ value, issues }) => {
      const fits = Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES;
      if (!fits) issues.push({ code: 'custom', input: value, message: 'must have at most 16 KiB' });
    })
    .optional()
    .meta({ cli: 'json', description: 'kept with the run, as JSON' }),
  orchestrator_run_id: orchestrator,
  images: z
    .array(z.string().regex(/^data:/))
    .max(MAX_IMAGES)
    .optional()
    .describe('data URIs'),
};

export const query = z.string().min(1).max(100_000).describe('what to do');

interface Starting {
  readonly query: string;
  readonly task?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly orchestrator_run_id?: number | undefined;
  readonly images?: readonly string[] | undefined;
  readonly idempotency_key?: string | undefined;
}

/** What both kinds of starts ask of the hub. */
export const startOf = (input: Starting) => ({
  query: input.query,
  task: input.task,
  metadata: input.metadata ?? {},
  orchestratorRunId: orchestratorOf(input),
  images: input.images,
  idempotencyKey: input.idempotency_key,
});

/** The orchestrator, as an argument or a key of the metadata. */
function orchestratorOf({
  orchestrator_run_id: given,
  metadata = {},
}: Pick<Starting, 'orchestrator_run_id' | 'metadata'>): number | undefined {
  if (metadata.orchestrator_run_id === undefined || metadata.orchestrator_run_id === null) return given;
  const named = runId.safeParse(metadata.orchestrator_run_id);
  if (!named.success) throw badArgument('metadata.orchestrator_run_id', 'must be the number of a run');
  if (given !== undefined && given !== named.data) {
    throw badArgument('orchestrator_run_id', 'differs from that of metadata', 'give it once');
  }
  return named.data;
}

export const starts = { readOnly: false, destructive: false, idempotent: false, openWorld: true };
export const reads = { readOnly: true, destructive: false, idempotent: true, openWorld: true };
