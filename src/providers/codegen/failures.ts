import type { FailedAnswer, ServiceNames, StatusTable } from '../http/failures.ts';
import { refusals } from './readers.ts';

/** How failures of Codegen are told. */
export const codegenService: ServiceNames = {
  provider: 'codegen',
  title: 'Codegen',
  apiError: 'CODEGEN_API_ERROR',
  tokenVariable: 'CODEGEN_API_TOKEN',
  tokenHint: 'use a token that may use the organization of CODEGEN_ORG_ID',
  byStatus: {
    402: ({ message }) => ({ code: 'PLAN_LIMIT_REACHED', message, details: { status_code: 402 } }),
    422: refused,
  },
};

/** For requests that name a run. */
export const runNotFound = (agentRunId: number): StatusTable => ({
  404: () => ({
    code: 'AGENT_RUN_NOT_FOUND',
    message: `Agent run ${agentRunId} not found`,
    details: { agent_run_id: agentRunId },
  }),
});

/** The service says of each field what is wrong with it. */
function refused({ message, body }: FailedAnswer) {
  const read = refusals.safeParse(body);
  const fields = read.success ? read.data.detail.map(({ loc, msg }) => ({ loc, msg })) : [];
  const said = fields.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; ');
  return {
    code: 'VALIDATION_ERROR',
    message: `Invalid request: ${said === '' ? message : said.slice(0, 500)}`,
    details: fields.length === 0 ? { status_code: 422 } : { status_code: 422, fields },
  } as const;
}
