import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import type { Connection, Operation } from '../operations/operation.ts';

interface PollMemory {
  begun(connection: Connection): Promise<void>;
  ended(connection: Connection): Promise<void>;
}

/**
 * What polls of events on a connection remember lasts as long as the connection. Where it cannot be written, polls begin as those
 * without a memory do, and what is left over is forgotten in time.
 */
export function pollMemory({
  hub,
  operations,
  log,
}: {
  hub: Hub;
  operations: readonly Operation[];
  log: Log;
}): PollMemory {
  const isWanted = operations.some(({ name }) => name === 'poll_events');
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    if (!isWanted) return;
    try {
      await work();
    } catch (error) {
      log.warn({ err: error }, 'what a connection remembers of its polls was not written');
    }
  };
  return {
    begun: ({ id }) => guarded(() => hub.sessions.polls.begin(id)),
    ended: ({ id }) => guarded(() => hub.sessions.polls.end(id)),
  };
}
