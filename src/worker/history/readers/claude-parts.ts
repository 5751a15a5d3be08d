import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { FoundPart } from '../found.ts';
import { kept, keptInput, objectOf, objectsOf, textOf } from './fields.ts';

/** The parts of a message in the shape of Anthropic's API: a text, or a list of blocks. Pictures become their kind in brackets. */
export function claudeParts(content: Json | undefined): FoundPart[] {
  if (typeof content === 'string') return [{ type: 'text', ...kept(content) }];
  return objectsOf(content).map(partOf);
}

function partOf(block: JsonObject): FoundPart {
  const type = textOf(block.type) ?? 'unknown';
  if (type === 'text') return { type, ...kept(textOf(block.text) ?? '') };
  if (type === 'thinking') return { type, ...kept(textOf(block.thinking) ?? '') };
  if (type === 'tool_use' || type === 'server_tool_use') {
    return {
      type: 'tool_use',
      call: textOf(block.id) ?? '',
      tool: textOf(block.name) ?? '',
      ...keptInput(objectOf(block.input)),
    };
  }
  if (type === 'tool_result') {
    const { text, truncated } = kept(resultText(block.content));
    const isError = block.is_error === true ? true : undefined;
    return { type, call: textOf(block.tool_use_id) ?? '', content: text, isError, truncated };
  }
  return { type: 'text', text: `[${type}]` };
}

/** The text of a tool's result, which may be a text or a list of blocks. */
function resultText(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  return objectsOf(content)
    .map(block => textOf(block.text) ?? `[${textOf(block.type) ?? 'unknown'}]`)
    .join('\n');
}
