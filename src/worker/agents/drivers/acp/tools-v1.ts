import { z } from 'zod';
import { json } from '../../../../protocol/json.ts';

const content = z.looseObject({
  type: z.string(),
  content: z.looseObject({ text: z.string().optional() }).optional(),
  path: z.string().optional(),
});

/** A use of a tool, or what is new of one: only the fields that are given. */
export const toolTold = z.looseObject({
  sessionUpdate: z.string().optional(),
  toolCallId: z.string(),
  title: z.string().nullish(),
  name: z.string().optional().catch(undefined),
  kind: z.string().optional().catch(undefined),
  status: z.string().optional().catch(undefined),
  rawInput: z.record(z.string(), json).optional().catch(undefined),
  rawOutput: z.unknown().optional(),
  content: z.array(content).optional().catch(undefined),
});
export type ToolTold = z.output<typeof toolTold>;

/** What came out, as text: of changed files their names. */
export function toolText({ content: parts, rawOutput }: ToolTold): string {
  const texts = (parts ?? []).flatMap(part => {
    if (part.content?.text !== undefined) return [part.content.text];
    return part.type === 'diff' && part.path !== undefined ? [`changed ${part.path}`] : [];
  });
  if (texts.length > 0) return texts.join('\n');
  if (typeof rawOutput === 'string') return rawOutput;
  return rawOutput === undefined || rawOutput === null ? '' : JSON.stringify(rawOutput);
}
