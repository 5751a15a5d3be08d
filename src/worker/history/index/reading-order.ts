import { basename, dirname } from 'node:path';
import { statsOf, type TranscriptFile } from './file-list.ts';

/**
 * The oldest sessions first, so that ids rise with time, and each session's subagents right after it: words are sorted in best when
 * ids only rise, and the newest sessions are found first by going backwards.
 */
export function inReadingOrder(files: readonly TranscriptFile[]): TranscriptFile[] {
  const ages = new Map<string, number>();
  const keyed = files.map(file => {
    const main = mainFileOf(file.path);
    const age = ages.get(main) ?? statsOf(main)?.mtimeMs ?? 0;
    ages.set(main, age);
    return { file, main, age };
  });
  keyed.sort((a, b) => a.age - b.age || compare(a.main, b.main) || compare(rankOf(a), rankOf(b)));
  return keyed.map(({ file }) => file);
}

/** The transcript of the session that a subagent's belongs to; any other file's own path. */
function mainFileOf(path: string): string {
  const folder = dirname(path);
  return basename(folder) === 'subagents' ? `${dirname(folder)}.jsonl` : path;
}

const rankOf = ({ file, main }: { file: TranscriptFile; main: string }): string =>
  file.path === main ? '' : file.path;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
