import type { Check } from '../cli/doctor.ts';
import type { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';

export interface Subject {
  readonly config: Config;
  readonly log: Log;
}

/** What was thrown as a check that failed: an error that says how to go on is taken at its word. */
export function failed(name: string, error: unknown, fix: string): Check {
  if (error instanceof AppError) return { name, state: 'fail', detail: error.message, fix: error.hint };
  return { name, state: 'fail', detail: error instanceof Error ? error.message : String(error), fix };
}

/** The checks, or that they could not be made. */
export async function attempted(name: string, fix: string, look: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await look();
  } catch (error) {
    return [failed(name, error, fix)];
  }
}
