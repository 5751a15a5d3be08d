type Item = Readonly<Record<string, unknown>>;

/** A list as the earlier system gave it, a bare array; how to go on, and who did not answer, stand in blocks of their own. */
export function listText(
  items: readonly Item[],
  { nextCursor = null, warnings = [] }: { nextCursor?: string | null; warnings?: readonly Item[] } = {},
): string[] {
  const silent = warnings.map(({ workerId, code }) => `${workerId} (${code})`);
  return [
    JSON.stringify(items),
    ...(nextCursor === null ? [] : [`more: cursor ${nextCursor}`]),
    ...(silent.length === 0 ? [] : [`did not answer: ${silent.join(', ')}`]),
  ];
}

/** Events likewise, with the cursor that goes on behind them. */
export function eventsText({ events, cursor, hasMore, gap }: Item & { events: readonly Item[] }): string[] {
  const more = hasMore === true ? '\nmore: poll again' : '';
  const missing = gap === true ? '\ngap: what was before these is kept no more' : '';
  return [JSON.stringify(events), `cursor: ${cursor}${more}${missing}`];
}
