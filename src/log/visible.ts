/** What steers a terminal, or changes the order in which it shows text; line ends and tabs are left. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A text that others had a part in, such as a title or a message, as a terminal may show it: what would move its cursor, set its
 * title or turn text around is written out, as in `\u{1b}`.
 */
export const visible = (text: string): string =>
  text.replace(STEERING, character => `\\u{${character.charCodeAt(0).toString(16)}}`);
