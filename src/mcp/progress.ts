import type { ServerContext } from '@modelcontextprotocol/server';
import type { Progress } from '../operations/operation.ts';

/** Clients give up after some time without a sign of life, and are promised one at least every 10 s. */
const HEARTBEAT_MS = 5_000;
/** A program that prints fast must not become a flood of notifications. */
const MIN_INTERVAL_MS = 100;
const MAX_MESSAGE_CHARACTERS = 200;
/** `progress` has to rise even when nothing is known to have advanced. */
const SMALL_STEP = 0.01;

export interface ProgressReporter {
  report(progress: Progress): void;
  /** Must be called before the result is sent. */
  stop(): void;
}

const SILENT: ProgressReporter = { report: () => {}, stop: () => {} };

/** Sends `notifications/progress` while a call runs, if the client gave a token; `progress` is a percentage and rises. */
export function progressReporter({ mcpReq }: ServerContext): ProgressReporter {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return SILENT;
  let progress = 0;
  let message: string | undefined;
  let sentAt = Number.NEGATIVE_INFINITY;
  let isStopped = false;
  const send = (): void => {
    sentAt = performance.now();
    const params = { progressToken, progress, total: 100, ...(message !== undefined && { message }) };
    // A client that went away hears nothing; its call is ended elsewhere.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {});
  };
  const advance = (percent: number | undefined): void => {
    progress = percent !== undefined && percent > progress ? Math.min(percent, 100) : progress + SMALL_STEP;
  };
  const heartbeat = setInterval(() => {
    advance(undefined);
    send();
  }, HEARTBEAT_MS);
  return {
    report(reported) {
      message = (reported.message ?? reported.stage ?? message)?.slice(0, MAX_MESSAGE_CHARACTERS);
      if (isStopped || performance.now() - sentAt < MIN_INTERVAL_MS) return;
      advance(reported.percent);
      send();
    },
    stop() {
      isStopped = true;
      clearInterval(heartbeat);
    },
  };
}
