import type { Caller } from './caller.ts';

/** What became of a token. */
export type Verdict =
  | {
      readonly caller: Caller;
      /** When it ends by itself, in epoch milliseconds; undefined: nobody said. */
      readonly expiresAt?: number;
      /** The API token or the grant that it stands on, by id, where that can be revoked here. */
      readonly standsOn?: string;
    }
  | {
      /** Why it is none of ours, for the log; who shows it is told nothing of it. */
      readonly refused: string;
      /** It was good, and its time is over. */
      readonly isExpired?: boolean;
    };

/** Judges tokens of one form. */
export interface TokenSource {
  /** Whether tokens like this one are its to judge: of several sources the first decides alone. */
  judges(token: string): boolean;
  /** Throws AppError SERVICE_UNAVAILABLE where it cannot tell now. */
  verify(token: string): Promise<Verdict>;
}
