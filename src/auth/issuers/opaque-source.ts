import { AppError } from '../../errors/app-error.ts';
import type { TokenSource, Verdict } from '../verdict.ts';
import { judgeByIntrospection } from './introspection.ts';
import type { Issuer } from './issuer.ts';
import { isAskedByUserinfo, judgeByUserinfo } from './userinfo.ts';

/** Judges tokens that say nothing by themselves: every issuer that tells about such is asked, until one knows it. */
export function opaqueSource(issuers: readonly Issuer[]): TokenSource {
  return {
    judges: () => true,
    async verify(token) {
      let away: AppError | undefined;
      let verdict: Verdict = { refused: 'no issuer tells about tokens of this form' };
      for (const issuer of issuers) {
        try {
          const judged = await judge(token, issuer);
          if (judged && 'caller' in judged) return judged;
          verdict = judged ?? verdict;
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          away = error;
        }
      }
      // The one that is away might have known it.
      if (away) throw away;
      return verdict;
    },
  };
}

async function judge(token: string, issuer: Issuer): Promise<Verdict | undefined> {
  if (issuer.clientSecret !== undefined) return await judgeByIntrospection(token, issuer);
  return isAskedByUserinfo(issuer, await issuer.metadata()) ? await judgeByUserinfo(token, issuer) : undefined;
}
