import { z } from 'zod';
import { readerOf } from '../http/documented.ts';
import { unknownFields } from '../http/unknown-fields.ts';
import type { CodegenApi } from './api.gen.ts';
import type { CodegenLog, CodegenPage, CodegenRepo, CodegenRun } from './codegen-client.ts';

const nullableText = z
  .string()
  .nullish()
  .transform(text => text ?? null);
const nullableCount = z
  .int()
  .nullish()
  .transform(count => count ?? null);
const json = z.record(z.string(), z.unknown());
const TIME_ZONE = /(?:Z|[+-]\d\d:?\d\d)$/i;

/** ISO 8601 UTC with milliseconds. The service leaves the zone out, and means UTC; what is no time is shown as it came. */
const time = z.string().transform(text => {
  const at = Date.parse(TIME_ZONE.test(text) ? text : `${text.trim().replace(' ', 'T')}Z`);
  return Number.isNaN(at) ? text : new Date(at).toISOString();
});

const pullRequest = readerOf<CodegenApi['GithubPullRequestResponse']>()(
  z
    .object({ id: z.int(), title: nullableText, url: nullableText, head_branch_name: nullableText })
    .transform(({ id, title, url, head_branch_name: headBranchName }) => ({ id, title, url, headBranchName })),
);

const runFields = z.looseObject({
  id: z.int(),
  // The organization is that of the token.
  organization_id: z.unknown().optional(),
  status: nullableText,
  created_at: time.nullish(),
  web_url: nullableText,
  result: nullableText,
  summary: nullableText,
  source_type: nullableText,
  github_pull_requests: z.array(pullRequest).nullish(),
  metadata: json.nullish(),
});

export const run = readerOf<CodegenApi['AgentRunResponse']>()(
  runFields.transform(
    (found): CodegenRun => ({
      id: found.id,
      status: found.status,
      createdAt: found.created_at ?? null,
      webUrl: found.web_url,
      result: found.result,
      summary: found.summary,
      sourceType: found.source_type,
      metadata: found.metadata ?? {},
      pullRequests: found.github_pull_requests ?? [],
      further: unknownFields(runFields, found),
    }),
  ),
);

const pageFields = { total: z.int(), page: z.int(), size: z.int(), pages: z.int() };

export const runPage = readerOf<CodegenApi['Page_AgentRunResponse_']>()(
  z.object({ items: z.array(run), ...pageFields }),
) satisfies z.ZodType<CodegenPage<CodegenRun>>;

const repo = readerOf<CodegenApi['RepoResponse']>()(
  z
    .object({ id: z.int(), full_name: z.string() })
    .transform(({ id, full_name: fullName }): CodegenRepo => ({ id, fullName })),
);

export const repoPage = readerOf<CodegenApi['Page_RepoResponse_']>()(z.object({ items: z.array(repo), ...pageFields }));

/** Values and fields pass as they came: what an agent saw and did is not ours to read. */
const log = readerOf<CodegenApi['AgentRunLogResponse']>()(
  z
    .looseObject({
      agent_run_id: z.int(),
      created_at: nullableText,
      tool_name: nullableText,
      message_type: nullableText,
      thought: nullableText,
      observation: z.unknown().optional(),
      tool_input: z.unknown().optional(),
      tool_output: z.unknown().optional(),
    })
    .transform(
      (entry): CodegenLog => ({
        ...entry,
        observation: entry.observation ?? null,
        tool_input: entry.tool_input ?? null,
        tool_output: entry.tool_output ?? null,
      }),
    ),
);

export const logPage = readerOf<CodegenApi['AgentRunWithLogsResponse']>()(
  z
    .object({
      logs: z.array(log),
      total_logs: nullableCount,
      page: nullableCount,
      size: nullableCount,
      pages: nullableCount,
    })
    .transform(({ logs, total_logs: total, page, size, pages }) => ({ logs, total, page, size, pages })),
);

export const user = readerOf<CodegenApi['UserResponse']>()(
  z
    .object({ id: z.int(), github_username: z.string() })
    .transform(({ id, github_username: githubName }) => ({ id, githubName })),
);

/** An answer that nothing is read from. */
export const anything = z.unknown();

/** The parts of an answer with status 422. */
export const refusals = z.object({
  detail: z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])), msg: z.string() })),
});
