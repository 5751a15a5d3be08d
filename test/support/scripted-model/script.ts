import { z } from 'zod';
import { json, type JsonObject } from '../../../src/protocol/json.ts';

/**
 * The prompt is the script, so the model needs no state: each line says what one answer does, and `#tool` ends an answer. Which
 * answer is due follows from how many tool results came after the prompt.
 *
 *     #say TEXT          #think TEXT         #slow N MS    N words, MS apart       #result        the last tool result, word for word
 *     #tool NAME {json}  #usage IN OUT       #fail STATUS  an HTTP error           #recall        what the user said before
 */
export type Action =
  | { readonly kind: 'say' | 'think'; readonly text: string }
  | { readonly kind: 'slow'; readonly words: number; readonly everyMs: number }
  | { readonly kind: 'tool'; readonly name: string; readonly input: JsonObject };

export interface Reply {
  readonly actions: readonly Action[];
  readonly usage: { readonly input: number; readonly output: number };
  /** An HTTP status, instead of an answer. */
  readonly fail?: number;
}

export interface Said {
  readonly kind: 'user' | 'result';
  readonly text: string;
}

/** What was said so far, as every wire tells it in its own words. */
export interface Conversation {
  readonly said: readonly Said[];
  /** Requests without tools ask for a title or a summary: they get no tool, delay or failure. */
  readonly hasTools: boolean;
}

/** Of an answer that says nothing about it. */
const USAGE = { input: 10, output: 5 };

export function replyTo({ said, hasTools }: Conversation): Reply {
  // Reminders that an agent adds by itself are in tags.
  const at = said.findLastIndex(({ kind, text }) => kind === 'user' && !text.trimStart().startsWith('<'));
  const prompt = said[at]?.text ?? '';
  const results = said.slice(at + 1).filter(({ kind }) => kind === 'result');
  const lines = prompt
    .split('\n')
    .map(line => line.trim())
    .filter(line => line.startsWith('#'));
  if (lines.length === 0) return { actions: [{ kind: 'say', text: prompt }], usage: USAGE };
  const wanted = hasTools ? lines : lines.filter(line => /^#(?:say|think|usage)\b/.test(line));
  const earlier = said.slice(0, Math.max(at, 0)).filter(({ kind }) => kind === 'user');
  return readAnswer(answersOf(wanted)[results.length] ?? ['#say done'], {
    lastResult: results.at(-1)?.text ?? '',
    recalled: earlier.map(({ text }) => text.split('\n')[0]).join(' | '),
  });
}

/** The lines of each answer. What follows the last tool is an answer of its own, also when it is empty. */
function answersOf(lines: readonly string[]): string[][] {
  const answers: string[][] = [[]];
  for (const line of lines) {
    answers.at(-1)?.push(line);
    if (line.startsWith('#tool ')) answers.push([]);
  }
  return answers;
}

function readAnswer(lines: readonly string[], known: { lastResult: string; recalled: string }): Reply {
  const actions: Action[] = [];
  let usage = USAGE;
  let fail: number | undefined;
  for (const line of lines) {
    const [word = '', ...rest] = line.split(' ');
    const text = rest.join(' ');
    if (word === '#say') actions.push({ kind: 'say', text });
    else if (word === '#think') actions.push({ kind: 'think', text });
    else if (word === '#result') actions.push({ kind: 'say', text: known.lastResult });
    else if (word === '#recall') actions.push({ kind: 'say', text: known.recalled });
    else if (word === '#slow') actions.push({ kind: 'slow', words: Number(rest[0]), everyMs: Number(rest[1]) });
    else if (word === '#tool') actions.push({ kind: 'tool', name: rest[0] ?? '', input: inputOf(rest.slice(1)) });
    else if (word === '#usage') usage = { input: Number(rest[0]), output: Number(rest[1]) };
    else if (word === '#fail') fail = Number(rest[0]);
    else throw new Error(`the script has an unknown word: ${word}`);
  }
  return { actions: actions.length > 0 ? actions : [{ kind: 'say', text: 'done' }], usage, fail };
}

const inputOf = (words: string[]): JsonObject => z.record(z.string(), json).parse(JSON.parse(words.join(' ') || '{}'));

/** Text in the pieces in which it is streamed; joined they are the whole. */
export function piecesOf(action: Exclude<Action, { kind: 'tool' }>): { text: string; waitMs: number }[] {
  if (action.kind === 'slow') {
    return Array.from({ length: action.words }, (_, at) => ({ text: `word${at + 1} `, waitMs: action.everyMs }));
  }
  const middle = Math.ceil(action.text.length / 2);
  return [action.text.slice(0, middle), action.text.slice(middle)]
    .filter(text => text !== '')
    .map(text => ({ text, waitMs: 0 }));
}
