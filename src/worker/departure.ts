import type { Log } from '../log/log.ts';
import { Backoff } from './backoff.ts';
import type { Membership } from './membership.ts';
import type { Workspaces } from './workspaces.ts';

const FIRST_LOOK_MS = 100;
const LOOK_MS = 1_000;
/** One hub may just be gone; when none answers again and again, nobody moves anything. */
const MAX_FAILURES = 3;

interface Parts {
  readonly membership: Pick<Membership, 'change'>;
  readonly workspaces: Pick<Workspaces, 'size' | 'active'>;
  readonly log: Log;
}

/**
 * Empties a worker that is about to end: the hubs give it nothing new and move what is idle to other workers, while its runs
 * finish. Settles when nothing is left, when nothing runs and what is left has nowhere to go, or after so many seconds.
 */
export async function emptied({ membership, workspaces, log }: Parts, { seconds }: { seconds: number }): Promise<void> {
  if (seconds <= 0 || workspaces.size === 0) return;
  log.info({ workspaces: workspaces.size, seconds }, 'draining before the end');
  const over = AbortSignal.timeout(seconds * 1000);
  const backoff = new Backoff({ firstMs: FIRST_LOOK_MS, mostMs: LOOK_MS });
  let failures = 0;
  while (workspaces.size > 0 && !over.aborted) {
    // Said again each time: the hub that heard it may be gone.
    const others = await othersThan(membership, log);
    failures = others === undefined ? failures + 1 : 0;
    const goNowhere = others === 0 || failures >= MAX_FAILURES;
    if (goNowhere && workspaces.active === 0) break;
    await backoff.wait(over).catch(error => {
      if (!over.aborted) throw error;
    });
  }
  const left = { workspaces: workspaces.size, runs: workspaces.active };
  if (left.workspaces > 0) log.warn(left, 'ending with workspaces that could not be moved; their files stay here');
  else log.info({}, 'all workspaces were moved');
}

/** How many workers could take workspaces; undefined when no hub answers. */
async function othersThan(membership: Parts['membership'], log: Log): Promise<number | undefined> {
  try {
    return (await membership.change({ isDraining: true })).others;
  } catch (error) {
    log.debug({ error }, 'no hub has heard that this worker drains');
    return undefined;
  }
}
