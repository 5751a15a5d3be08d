import { AppError } from '../../../errors/app-error.ts';
import { NotHere } from '../../../protocol/link.ts';
import type { SessionLink } from '../session-link.ts';

const LOOK_TIMEOUT_MS = 30_000;

interface Wanted {
  readonly agentSessionId: string;
  readonly worker: string;
  readonly signal: AbortSignal;
}

/** Whether a terminal shows a dialog of the session at this moment; undefined when nobody can tell. */
export async function showsDialog(
  link: Pick<SessionLink, 'ask'>,
  { agentSessionId, worker, signal }: Wanted,
): Promise<boolean | undefined> {
  const request = { agent: 'claude', agentSessionId };
  try {
    const { open } = await link.ask(worker, 'presence.check', request, { timeoutMs: LOOK_TIMEOUT_MS, signal });
    return open?.status === 'waiting';
  } catch (error) {
    if (error instanceof AppError || error instanceof NotHere || signal.aborted) return undefined;
    throw error;
  }
}
