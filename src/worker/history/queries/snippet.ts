import { foldText, type SearchTerm, termPattern } from './search-expression.ts';

const MAX_CHARS = 200;
/** Shown before the first word that was found. */
const LEAD_CHARS = 60;
/** More occurrences than this make a text no better. */
const MAX_COUNTED = 5;

export interface Found {
  /** Where the first of the terms stands. */
  readonly at: number;
  /** Occurrences of all terms, a few of each. */
  readonly count: number;
  /** How many of the terms occur. */
  readonly terms: number;
}

/** Looks for terms in a text; undefined when none is there. */
export function findTerms(text: string, terms: readonly SearchTerm[]): Found | undefined {
  const folded = foldText(text);
  let at = Number.POSITIVE_INFINITY;
  let count = 0;
  let found = 0;
  for (const term of terms) {
    let occurrences = 0;
    for (const match of folded.matchAll(termPattern(term))) {
      if (occurrences === 0) at = Math.min(at, match.index);
      occurrences++;
      if (occurrences === MAX_COUNTED) break;
    }
    count += occurrences;
    if (occurrences > 0) found++;
  }
  return found === 0 ? undefined : { at, count, terms: found };
}

/** At most 200 characters around a place, in one line and otherwise as they were written. */
export function snippetAt(text: string, at: number): string {
  let start = Math.max(0, at - LEAD_CHARS);
  // Not in the middle of a word, nor of a character that takes two units.
  while (start > 0 && start < at && /[\p{L}\p{N}]|[\udc00-\udfff]/u.test(text.charAt(start))) start++;
  const raw = text.slice(start, start + MAX_CHARS * 3);
  const line = `${start > 0 ? '…' : ''}${raw.replace(/\s+/gu, ' ').trim()}`;
  if (line.length <= MAX_CHARS) return line;
  const cut = line.slice(0, MAX_CHARS - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
