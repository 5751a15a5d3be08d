/** Counts of `git … --numstat -z`: a record for each file; binary files have `-` for their lines. */
export function countChanges(numstat: string): { files_changed: number; insertions: number; deletions: number } {
  const counts = { files_changed: 0, insertions: 0, deletions: 0 };
  for (const record of numstat.split('\0')) {
    const [, added, removed] = /^(\d+|-)\t(\d+|-)\t/.exec(record) ?? [];
    if (added === undefined) continue;
    counts.files_changed += 1;
    counts.insertions += Number(added) || 0;
    counts.deletions += Number(removed) || 0;
  }
  return counts;
}
