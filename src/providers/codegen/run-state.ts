/** What a run is to callers, whatever word the service has for it. `active` until it has certainly ended. */
export type RunState = 'active' | 'completed' | 'failed' | 'cancelled';

const ACTIVE = ['ACTIVE', 'RUNNING', 'EVALUATION', 'PENDING'] as const;
const FAILED = ['ERROR', 'FAILED', 'TIMEOUT', 'MAX_ITERATIONS_REACHED', 'OUT_OF_TOKENS'] as const;
const CANCELLED = ['CANCELLED', 'STOPPED'] as const;

const STATES: ReadonlyMap<string, RunState> = new Map([
  ...ACTIVE.map(word => [word, 'active'] as const),
  ['COMPLETE', 'completed'] as const,
  ...FAILED.map(word => [word, 'failed'] as const),
  ...CANCELLED.map(word => [word, 'cancelled'] as const),
]);

/** The words of the service that a word of a filter means. */
const MEANINGS: Readonly<Record<string, readonly string[]>> = {
  running: ACTIVE,
  active: ACTIVE,
  pending: ['PENDING'],
  evaluation: ['EVALUATION'],
  complete: ['COMPLETE'],
  completed: ['COMPLETE'],
  done: ['COMPLETE'],
  error: FAILED,
  failed: FAILED,
  timeout: ['TIMEOUT'],
  max_iterations_reached: ['MAX_ITERATIONS_REACHED'],
  out_of_tokens: ['OUT_OF_TOKENS'],
  cancelled: CANCELLED,
  canceled: CANCELLED,
  stopped: CANCELLED,
};

/** A word that is not known, and none at all, says nothing about an end: the run is taken as going on. */
export function runStateOf(status: string | null): RunState {
  return STATES.get(status?.toUpperCase() ?? '') ?? 'active';
}

/** Whether a run with this status is one that a caller means with `word`: known words in any case, any other exactly. */
export function matchesStatus(word: string, status: string | null): boolean {
  const key = word.trim().toLowerCase();
  const meant = Object.hasOwn(MEANINGS, key) ? MEANINGS[key] : undefined;
  return meant ? meant.includes(status?.toUpperCase() ?? '') : status === word;
}
