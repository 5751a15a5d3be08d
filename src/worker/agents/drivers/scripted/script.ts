import { z } from 'zod';
import { json, type JsonObject } from '../../../../protocol/json.ts';

/**
 * What a prompt makes the scripted agent do, one step a line; a prompt without a script is said back.
 *
 *     #say TEXT       #think TEXT     #slow N MS    N words, MS milliseconds apart
 *     #tool NAME {}   Write {file_path, content} and Bash {command} do it, any other gives its input back
 *     #ask NAME {}    asks for leave and does nothing          #result          says the last tool's result
 *     #recall         says what the user said before in this session
 *     #usage IN OUT [COST]     #title TEXT     #subagent TYPE DESCRIPTION
 *     #fail TEXT      the turn fails          #crash          the process ends
 */
export type Step =
  | { readonly word: 'say' | 'think' | 'title' | 'fail'; readonly text: string }
  | { readonly word: 'slow'; readonly words: number; readonly everyMs: number }
  | { readonly word: 'tool' | 'ask'; readonly name: string; readonly input: JsonObject }
  | { readonly word: 'usage'; readonly input: number; readonly output: number; readonly costUsd: number | null }
  | { readonly word: 'subagent'; readonly type: string; readonly description: string }
  | { readonly word: 'result' | 'recall' | 'crash' };

/** The steps that a prompt asks for, one in each line that begins with `#`; a prompt without any is said back. */
export function readScript(prompt: string): Step[] {
  const lines = prompt
    .split('\n')
    .map(line => line.trim())
    .filter(line => line.startsWith('#'));
  if (lines.length === 0) return [{ word: 'say', text: prompt }];
  return lines.map(readStep);
}

function readStep(line: string): Step {
  const [, word = '', rest = ''] = /^#(\S*)\s*(.*)$/.exec(line) ?? [];
  const [first = '', ...others] = rest.split(' ');
  switch (word) {
    case 'say':
    case 'think':
    case 'title':
      return { word, text: rest };
    case 'fail':
      return { word, text: rest || 'the script says so' };
    case 'slow':
      return { word, words: Number(first), everyMs: Number(others[0]) };
    case 'tool':
    case 'ask':
      return readTool(word, first, others.join(' '));
    case 'usage': {
      const [output = '0', cost] = others;
      return { word, input: Number(first), output: Number(output), costUsd: cost === undefined ? null : Number(cost) };
    }
    case 'subagent':
      return { word, type: first, description: others.join(' ') };
    case 'result':
    case 'recall':
    case 'crash':
      return { word };
    default:
      return { word: 'fail', text: `the script has an unknown word: #${word}` };
  }
}

function readTool(word: 'tool' | 'ask', name: string, text: string): Step {
  try {
    const input = z.record(z.string(), json).parse(JSON.parse(text === '' ? '{}' : text));
    return { word, name, input };
  } catch {
    return { word: 'fail', text: `the input of ${name} is no JSON object` };
  }
}
