import { z } from 'zod';
import type { RequestKind } from './requests.ts';
import type { FakeRuns } from './runs.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export const notFound: Answer = { status: 404, body: { message: 'Agent run not found.', status_code: 404 } };

const KINDS: readonly [method: string, path: RegExp, kind: RequestKind][] = [
  ['POST', /\/agent\/run$/, 'createRun'],
  ['POST', /\/agent\/run\/resume$/, 'resumeRun'],
  ['POST', /\/agent\/run\/ban$/, 'stopRun'],
  ['GET', /\/agent\/run\/\d+$/, 'getRun'],
  ['GET', /\/agent\/runs$/, 'listRuns'],
  ['GET', /\/alpha\/.*\/logs$/, 'getLogs'],
  ['GET', /\/logs$/, 'getLogsOldPath'],
  ['GET', /\/repos$/, 'listRepos'],
  ['GET', /\/users\/me$/, 'getMe'],
];

export const kindOf = (method: string, path: string): RequestKind =>
  KINDS.find(([known, form]) => known === method && form.test(path))?.[2] ?? 'other';

const created = z.object({ prompt: z.string(), metadata: z.record(z.string(), z.unknown()).nullish() });
const resumed = z.object({ agent_run_id: z.int(), prompt: z.string() });
const stopped = z.object({ agent_run_id: z.int() });

interface Asked {
  readonly kind: RequestKind;
  readonly parameters: Readonly<Record<string, string>>;
  readonly url: URL;
  readonly body: unknown;
}

/** What the service answers when all is well with it. */
export function answerTo({ kind, parameters, url, body }: Asked, runs: FakeRuns): Answer {
  const runId = Number(parameters.agent_run_id);
  switch (kind) {
    case 'createRun': {
      const input = created.safeParse(body);
      return input.success ? ok(runs.start(input.data)) : refused('prompt');
    }
    case 'resumeRun': {
      const input = resumed.safeParse(body);
      return input.success ? found(runs.resume(input.data.agent_run_id, input.data.prompt)) : refused('prompt');
    }
    case 'stopRun': {
      const run = runs.read(stopped.parse(body).agent_run_id);
      if (!run) return notFound;
      runs.change(run.id, { status: 'CANCELLED' });
      return ok({ message: 'stopped' });
    }
    case 'getRun':
      return found(runs.read(runId));
    case 'listRuns':
      return ok(pageOf(runs.all().filter(matching(url)), url));
    case 'getLogs':
    case 'getLogsOldPath':
      return logsOf(runId, { url, runs });
    case 'listRepos':
      return ok(pageOf(runs.repos(), url));
    case 'getMe':
      return ok({ id: 7, github_user_id: '77', github_username: 'octo' });
    default:
      return notFound;
  }
}

const ok = (body: unknown): Answer => ({ status: 200, body });
const found = (body: unknown): Answer => (body === undefined ? notFound : ok(body));
const refused = (field: string): Answer => ({
  status: 422,
  body: { detail: [{ loc: ['body', field], msg: 'Field required', type: 'missing' }] },
});

function matching(url: URL): (run: { source_type?: string | null }) => boolean {
  const sourceType = url.searchParams.get('source_type');
  return run => sourceType === null || run.source_type === sourceType;
}

function pageOf<Item>(all: readonly Item[], url: URL) {
  const skip = Number(url.searchParams.get('skip') ?? 0);
  const limit = Number(url.searchParams.get('limit') ?? 100);
  return {
    items: all.slice(skip, skip + limit),
    total: all.length,
    page: Math.floor(skip / limit) + 1,
    size: limit,
    pages: Math.max(1, Math.ceil(all.length / limit)),
  };
}

function logsOf(runId: number, { url, runs }: { url: URL; runs: FakeRuns }): Answer {
  const run = runs.read(runId);
  if (!run) return notFound;
  const all = runs.logsOf(runId);
  const { items, total, page, size, pages } = pageOf(
    url.searchParams.get('reverse') === 'true' ? all.toReversed() : all,
    url,
  );
  const { id, organization_id, status, created_at, web_url, result, metadata } = run;
  const about = { id, organization_id, status, created_at, web_url, result, metadata };
  return ok({ ...about, logs: items, total_logs: total, page, size, pages });
}
