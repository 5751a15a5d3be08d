import type { WorkerHandlers } from '../../src/protocol/link.ts';
import { sessionHandlers } from '../../src/worker/agents/handlers.ts';

/** A worker on which no agent is configured. */
export const noSessions: Pick<WorkerHandlers, keyof ReturnType<typeof sessionHandlers>> = sessionHandlers(
  undefined,
  undefined,
);
