import { z } from 'zod';
import type { AuditEntry } from '../../store/audit/store.ts';
import { defineOperation } from '../define.ts';

const shared = { toolset: 'sandbox', scope: 'admin', isTool: false } as const;
const hints = { readOnly: true, destructive: false, idempotent: true, openWorld: false };

/** Times of the database are milliseconds; they are given and taken as ISO 8601. */
const moment = z.iso.datetime({ offset: true, local: true }).or(z.iso.date());
const questions = {
  caller: z.string().min(1).max(512).optional().describe('whose calls'),
  operation: z.string().min(1).max(64).optional().describe('calls of this operation'),
  handle: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,64}$/)
    .optional()
    .describe('calls that name this workspace, task, artifact or checkpoint, or made it'),
  outcome: z.string().min(1).max(64).optional().describe('ok, or the code of an error'),
  since: moment.optional().describe('calls that ended from then on, ISO 8601'),
  until: moment.optional().describe('calls that ended before, ISO 8601'),
  cursor: z.string().max(512).optional(),
};

const entry = z.looseObject({
  seq: z.int(),
  id: z.string(),
  time: z.string(),
  caller: z.string(),
  operation: z.string(),
  handles: z.record(z.string(), z.unknown()),
  outcome: z.string(),
  duration_ms: z.number(),
  details: z.record(z.string(), z.unknown()),
  hash: z.string(),
});
const page = z.looseObject({ records: z.array(entry), next_cursor: z.string().nullable() });

export const auditList = defineOperation({
  ...shared,
  name: 'audit_list',
  title: 'List audit records',
  description: 'List who called what, the newest first, by caller, operation, handle, outcome and time.',
  input: z.strictObject({ ...questions, limit: z.int().min(1).max(1_000).default(50) }),
  output: page,
  hints,
  cli: {
    words: ['audit', 'list'],
    examples: [
      'boxswain audit list --caller local --since 2026-01-31',
      'boxswain audit list --handle WORKSPACE_ID --outcome INSUFFICIENT_SCOPE --json',
    ],
  },
  text: ({ records }) => linesOf(records),
  run: async ({ since, until, ...query }, { hub }) =>
    viewOf(await hub.audit.list({ ...query, ...span({ since, until }) })),
});

export const auditExport = defineOperation({
  ...shared,
  name: 'audit_export',
  title: 'Export audit records',
  description:
    'Give audit records, the oldest first, page by page; on the command line all of them, a line of JSON each.',
  input: z.strictObject({ ...questions, limit: z.int().min(1).max(1_000).default(1_000) }),
  output: page,
  hints,
  cli: {
    words: ['audit', 'export'],
    exports: 'records',
    examples: [
      'boxswain audit export > audit.jsonl',
      'boxswain audit export --since 2026-01-01 --until 2026-02-01 > january.jsonl',
    ],
  },
  run: async ({ since, until, ...query }, { hub }) =>
    viewOf(await hub.audit.list({ ...query, ...span({ since, until }), order: 'oldest' })),
});

export const auditVerify = defineOperation({
  ...shared,
  name: 'audit_verify',
  title: 'Verify the audit records',
  description: 'Walk the chain of audit records and tell where it is broken, if it is.',
  input: z.strictObject({}),
  output: z.looseObject({ records: z.int(), is_whole: z.boolean(), broken_at: z.string().nullable() }),
  hints,
  cli: { words: ['audit', 'verify'], examples: ['boxswain audit verify', 'boxswain audit verify --json'] },
  text: ({ records, broken_at: at }) =>
    at === null
      ? `whole: ${records} records in an unbroken chain`
      : `broken at ${at}, after ${records} records that fit: compare with an export or a backup from before`,
  async run(_input, { hub }) {
    const { records, brokenAt } = await hub.audit.verify();
    return { records, is_whole: brokenAt === null, broken_at: brokenAt };
  },
});

const span = ({ since, until }: { since: string | undefined; until: string | undefined }) => ({
  ...(since !== undefined && { since: Date.parse(since) }),
  ...(until !== undefined && { until: Date.parse(until) }),
});

const viewOf = ({ rows, nextCursor }: { rows: readonly AuditEntry[]; nextCursor: string | null }) => ({
  records: rows.map(({ time, durationMs, ...record }) => ({
    ...record,
    time: new Date(time).toISOString(),
    duration_ms: durationMs,
  })),
  next_cursor: nextCursor,
});

function linesOf(records: readonly z.output<typeof entry>[]): string {
  if (records.length === 0) return 'no such records';
  const lines = records.map(({ time, caller, operation, outcome, duration_ms: ms, handles }) =>
    [time, caller, operation, outcome, `${ms} ms`, ...Object.values(handles).map(String)].join('  '),
  );
  return lines.join('\n');
}
