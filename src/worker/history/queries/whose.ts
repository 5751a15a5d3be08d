import type { WhoseHistory } from '../../../protocol/history.ts';
import type { BookedSession } from './session-book.ts';

/** Says which sessions a question is about: only some, or all but some, by the ids that their agents gave them. */
export function whoseOf({ ids, notIds }: WhoseHistory): (session: Pick<BookedSession, 'agentId'>) => boolean {
  const only = ids && new Set(ids);
  const except = notIds && new Set(notIds);
  if (only === undefined && except === undefined) return () => true;
  return ({ agentId }) => (only === undefined || only.has(agentId)) && except?.has(agentId) !== true;
}
