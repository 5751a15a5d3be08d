import { AppError } from '../../errors/app-error.ts';
import type { OpenIn } from './presence/presence-book.ts';

/** Unknown and foreign handles must not differ in a single letter, so each has one place that words it. */
export const sessionNotFound = (id: string): AppError => new AppError('SESSION_NOT_FOUND', `Session not found: ${id}`);

export const permissionNotPending = (id: string, state: string): AppError =>
  new AppError('PERMISSION_NOT_PENDING', `Permission request ${id} is not pending: ${state}`, { details: { state } });

export const workerUnreachable = (id: string, cause?: unknown): AppError =>
  new AppError('WORKER_UNREACHABLE', `Worker ${id} is not connected`, {
    details: { worker_id: id, retry_after_seconds: 2 },
    cause,
  });

export const promptQueueFull = (most: number): AppError =>
  new AppError('CAPACITY_EXCEEDED', `the session has ${most} prompts waiting, which is its cap`, {
    hint: 'wait for session.idle, or abort the running turn with abort_session',
    details: { cap: most, retry_after_seconds: 5 },
  });

export const sessionBusy = (id: string, turnId: string): AppError =>
  new AppError('SESSION_BUSY', `Session ${id} has turn ${turnId} running`, { details: { turn_id: turnId } });

/** What to do instead is the caller's choice: each of them has its price. */
export const sessionOpenElsewhere = (id: string, openIn: OpenIn): AppError =>
  new AppError('SESSION_OPEN_ELSEWHERE', `Session ${id} is open in a terminal (pid ${openIn.pid})`, {
    details: { choices: ['fork', 'queue', 'wait'], openIn: { ...openIn } },
  });
