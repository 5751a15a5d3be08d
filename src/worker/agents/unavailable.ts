import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';

interface Why {
  /** What follows a colon. */
  readonly reason: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An agent that cannot be had. Whoever knows on which worker adds that, see `namingWorker`. */
export const agentUnavailable = (agent: string, { reason, hint, cause }: Why): AppError =>
  new AppError('AGENT_UNAVAILABLE', `Agent ${agent} is not available: ${reason}`, {
    details: { agent, reason },
    cause,
    ...(hint !== undefined && { hint }),
  });

const detailsSchema = z.looseObject({ agent: z.string(), reason: z.string() });

/** The same, saying where the agent cannot be had; any other error as it is. */
export function namingWorker(error: unknown, worker: string): unknown {
  if (!(error instanceof AppError) || error.code !== 'AGENT_UNAVAILABLE') return error;
  const { data } = detailsSchema.safeParse(error.details);
  if (data === undefined) return error;
  const { hint, details } = error;
  return new AppError('AGENT_UNAVAILABLE', `Agent ${data.agent} is not available on ${worker}: ${data.reason}`, {
    ...{ hint, details: { ...details, worker_id: worker }, cause: error },
  });
}
