const WORD = /[\p{L}\p{N}\p{Co}]+/gu;
const MAX_TERMS = 100;

export interface SearchTerm {
  /** The words of a phrase, or the pieces of one word such as `a-b`. */
  readonly words: readonly string[];
  /** The last word may go on. */
  readonly isPrefix: boolean;
}

export interface SearchExpression {
  /** For `match`; always well-formed. */
  readonly match: string;
  readonly terms: readonly SearchTerm[];
}

/**
 * Reads what a caller typed: all words must occur, quotes make a phrase, a trailing `*` a prefix. Everything else has no meaning of
 * its own, so no query is ever wrong. Undefined when there is no word in it.
 */
export function searchExpression(query: string): SearchExpression | undefined {
  const terms: SearchTerm[] = [];
  // A quote that nothing closes reaches to the end.
  for (const [, phrase, bare] of query.matchAll(/"([^"]*)(?:"|$)|([^\s"]+)/gu)) {
    const isPrefix = bare?.endsWith('*') === true;
    const words = foldText(phrase ?? bare ?? '').match(WORD) ?? [];
    if (words.length > 0 && terms.length < MAX_TERMS) terms.push({ words, isPrefix });
  }
  if (terms.length === 0) return undefined;
  const match = terms.map(({ words, isPrefix }) => `"${words.join(' ')}"${isPrefix ? '*' : ''}`).join(' AND ');
  return { match, terms };
}

/** Lower case and without accents, unit for unit: what is found in it stands at the same place in the text. */
export function foldText(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, foldUnit).toLowerCase();
}

function foldUnit(unit: string): string {
  const base = unit.normalize('NFD').charAt(0);
  const lower = base.toLowerCase();
  return lower.length === 1 ? lower : base;
}

/** Finds a term in a folded text. */
export function termPattern({ words, isPrefix }: SearchTerm): RegExp {
  const letters = '[\\p{L}\\p{N}\\p{Co}]';
  const between = `[^\\p{L}\\p{N}\\p{Co}]+`;
  return new RegExp(`(?<!${letters})${words.join(between)}${isPrefix ? '' : `(?!${letters})`}`, 'gu');
}
