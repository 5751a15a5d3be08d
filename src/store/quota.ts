import { AppError } from '../errors/app-error.ts';

const RETRY_AFTER_SECONDS = 60;

const WAYS_OUT = {
  workspaces: 'delete one with workspace_delete',
  sessions: 'end one with dispose_session',
  tasks: 'wait until one has ended, or cancel one with task_cancel',
  bytes: 'delete a workspace: its artifacts and checkpoints go 7 days later',
} as const;

/** What a caller hears who has as much of something as it may have. `limit` in the details tells it from a lack of room. */
export function overLimit(limit: keyof typeof WAYS_OUT, most: number): AppError {
  return new AppError('CAPACITY_EXCEEDED', `you have ${most} ${limit}, which is your limit`, {
    hint: `${WAYS_OUT[limit]}; the operator sets limits.${limit}`,
    details: { limit, cap: most, retry_after_seconds: RETRY_AFTER_SECONDS },
  });
}
