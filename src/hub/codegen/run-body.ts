import { z } from 'zod';
import { pullRequestsOf } from '../../providers/codegen/agents.ts';
import type { CodegenRun } from '../../providers/codegen/codegen-client.ts';
import { type RunState, runStateOf } from '../../providers/codegen/run-state.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import { toJsonObject } from '../json.ts';

const pullRequest = z.object({
  id: z.number(),
  title: z.string().nullable(),
  url: z.string().nullable(),
  head_branch_name: z.string().nullable(),
});

/** What is kept of a run beside what has columns. */
const bodySchema = z.object({
  command: z.enum(['new', 'resume']),
  /** `sending`: the request is stored, and its answer is not known. */
  phase: z.enum(['sending', 'known']),
  state: z.enum(['active', 'completed', 'failed', 'cancelled', 'interrupted']),
  /** As it was sent, without our id; that of a resume stays here. */
  metadata: z.record(z.string(), z.json()),
  upstream_status: z.string().nullable(),
  web_url: z.string().nullable(),
  result: z.string().nullable(),
  error: z.string().nullable(),
  pull_requests: z.array(pullRequest),
  /** What the run had said when it was resumed; null when it has been seen going on since. */
  stale_result: z.string().nullable().default(null),
  is_stale: z.boolean().default(false),
  /** It carries results of children to their orchestrator. */
  delivers: z.boolean().default(false),
});
export type RunBody = z.output<typeof bodySchema>;

export const bodyOf = (record: Pick<CodegenRecord, 'body'>): RunBody => bodySchema.parse(record.body);
export const asBody = (body: RunBody): JsonObject => toJsonObject(body);

export const newBody = (command: RunBody['command'], metadata: Readonly<Record<string, unknown>>): RunBody => ({
  command,
  phase: 'sending',
  state: 'active',
  metadata: toJsonObject(metadata),
  upstream_status: null,
  web_url: null,
  result: null,
  error: null,
  pull_requests: [],
  stale_result: null,
  is_stale: false,
  delivers: false,
});

/** How long what a resumed run had said before may be told once more. */
const STALE_MS = 60_000;

/** A run as it is looked at, told of the task. A state that is not final is `active`. */
export function seen(record: Pick<CodegenRecord, 'body' | 'createdAt'>, run: CodegenRun, now: number): RunBody {
  const body = bodyOf(record);
  const state = runStateOf(run.status);
  // Upstream may tell for a moment of the end that was before the resume.
  const isOld =
    body.is_stale && state === 'completed' && run.result === body.stale_result && now - record.createdAt < STALE_MS;
  return {
    ...body,
    phase: 'known',
    is_stale: isOld,
    ...told(run, isOld ? 'active' : state),
    upstream_status: isOld ? body.upstream_status : run.status,
    web_url: run.webUrl ?? body.web_url,
  };
}

/** A run without a task here, as it is. */
export const bodyOfRun = (run: CodegenRun): RunView => told(run, runStateOf(run.status));

/** What callers are shown of a run. */
export type RunView = Pick<RunBody, 'state' | 'upstream_status' | 'web_url' | 'result' | 'error' | 'pull_requests'>;

const told = (run: CodegenRun, state: RunState): RunView => ({
  state,
  upstream_status: run.status,
  web_url: run.webUrl,
  result: state === 'completed' ? run.result : null,
  error: state === 'failed' || state === 'cancelled' ? endOf(run) : null,
  pull_requests: pullRequestsOf(run),
});

/** How a run that did not complete ended, in words. */
function endOf({ id, status, result }: CodegenRun): string {
  const said = result === null || result === '' ? '' : `: ${result}`;
  return `Agent run ${id} ended with status ${status}${said}`;
}

/** What readers are told of when it changes. */
export function differs(before: RunBody, after: RunBody): boolean {
  const told = ({ state, upstream_status, web_url, result }: RunBody) => [state, upstream_status, web_url, result];
  return JSON.stringify(told(before)) !== JSON.stringify(told(after));
}
