import { API_TOKEN_PREFIX, hashOfToken } from '../ids/api-token.ts';
import type { Caller } from './caller.ts';
import type { TokenSource } from './verdict.ts';

/** Knows the tokens that callers have made. */
export interface ApiTokenBook {
  /** Whom the token with this hash acts for, and until when, in epoch milliseconds; also notes that it was used. */
  callerOf(hash: string): Promise<{ caller: Caller; expiresAt: number } | 'unknown' | 'revoked' | 'expired'>;
}

/** Judges API tokens. */
export const apiTokenSource = (book: ApiTokenBook): TokenSource => ({
  judges: token => token.startsWith(API_TOKEN_PREFIX),
  async verify(token) {
    const found = await book.callerOf(hashOfToken(token));
    if (typeof found === 'string') return { refused: `the API token is ${found}`, isExpired: found === 'expired' };
    return { ...found, standsOn: found.caller.credential };
  },
});
