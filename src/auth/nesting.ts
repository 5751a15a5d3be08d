const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Deepest nesting of JSON that is let in. */
export const MAX_DEPTH = 200;

/**
 * Whether a text that claims to be JSON is nested deeper than `levels`. Counts brackets outside of strings, without recursion:
 * it runs before anything else looks at the text.
 */
export function isNestedDeeperThan(levels: number, text: string): boolean {
  if (text.length <= levels) return false;
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (isInString) {
      if (character === BACKSLASH) at++;
      else if (character === QUOTE) isInString = false;
    } else if (character === QUOTE) isInString = true;
    else if (OPENING.has(character)) {
      depth++;
      if (depth > levels) return true;
    } else if (CLOSING.has(character)) depth--;
  }
  return false;
}
