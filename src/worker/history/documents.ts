import type { Json } from '../../protocol/json.ts';
import type { FoundPart } from './found.ts';

/** What is searched of a message: what was said, and what went into tools and came out of them. */
export interface Documents {
  readonly said: string;
  readonly tools: string;
}

/** What of a message is searched: what was said, and what tools were given and answered. */
export function documentsOf(parts: readonly FoundPart[]): Documents {
  const said: string[] = [];
  const tools: string[] = [];
  for (const part of parts) {
    if (part.type === 'text' || part.type === 'thinking') said.push(part.text);
    else if (part.type === 'tool_result') tools.push(part.content);
    else if (part.type === 'tool_use') {
      tools.push(part.tool);
      addValues(part.input, tools);
      if (part.resultText !== undefined) tools.push(part.resultText);
    }
  }
  return { said: joined(said), tools: joined(tools) };
}

const joined = (texts: readonly string[]): string => (texts.length === 1 ? (texts[0] ?? '') : texts.join('\n'));

/** The names of an input's fields are the tool's own and would only be in the way. */
function addValues(value: Json, to: string[]): void {
  if (typeof value === 'string') to.push(value);
  else if (typeof value === 'number') to.push(String(value));
  else if (Array.isArray(value)) for (const item of value) addValues(item, to);
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) addValues(item, to);
}
