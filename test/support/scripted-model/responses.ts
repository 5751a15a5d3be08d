import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EventStream } from './event-stream.ts';
import { type Action, type Conversation, piecesOf, type Reply, type Said } from './script.ts';

/** OpenAI's responses, as Codex speaks them. */

const texts = z.array(z.looseObject({ text: z.string().optional() }));
const message = z.looseObject({
  type: z.literal('message'),
  role: z.string(),
  content: z.union([z.string(), texts]),
});
const result = z.looseObject({
  type: z.enum(['function_call_output', 'custom_tool_call_output']),
  output: z.union([z.string(), texts]),
});

const request = z.looseObject({
  model: z.string(),
  input: z.array(z.union([message, result, z.looseObject({ type: z.string().optional() })])),
  tools: z.array(z.unknown()).optional(),
});

export function readResponses(body: unknown): Conversation & { model: string } {
  const { model, input, tools } = request.parse(body);
  const said = input.flatMap((item): Said[] => {
    const told = message.safeParse(item);
    if (told.success) return told.data.role === 'user' ? userTexts(told.data.content) : [];
    const got = result.safeParse(item);
    return got.success ? [{ kind: 'result', text: textOf(got.data.output) }] : [];
  });
  return { model, said, hasTools: (tools ?? []).length > 0 };
}

type Texts = string | z.output<typeof texts>;
const textOf = (value: Texts): string =>
  typeof value === 'string' ? value : value.map(({ text }) => text ?? '').join('');
const userTexts = (content: Texts): Said[] =>
  (typeof content === 'string' ? [content] : content.map(({ text }) => text ?? '')).map(text => ({
    kind: 'user',
    text,
  }));

export async function writeResponses(stream: EventStream, { model, reply }: { model: string; reply: Reply }) {
  const id = `resp_${randomUUID()}`;
  const send = (type: string, data: object) => stream.send({ type, ...data }, type);
  await send('response.created', { response: { id, object: 'response', status: 'in_progress', model, output: [] } });
  const output: object[] = [];
  for (const [output_index, action] of reply.actions.entries()) {
    const item_id = `item_${randomUUID()}`;
    await send('response.output_item.added', { output_index, item: { id: item_id, ...openItem(action) } });
    let text = '';
    for (const piece of action.kind === 'tool' ? [] : piecesOf(action)) {
      await stream.wait(piece.waitMs);
      text += piece.text;
      const where = { item_id, output_index, delta: piece.text };
      if (action.kind === 'think') await send('response.reasoning_summary_text.delta', { ...where, summary_index: 0 });
      else await send('response.output_text.delta', { ...where, content_index: 0 });
    }
    const item = { id: item_id, ...wholeItem(action, text) };
    output.push(item);
    await send('response.output_item.done', { output_index, item });
  }
  const { input, output: out } = reply.usage;
  const usage = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: out,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + out,
  };
  await send('response.completed', { response: { id, object: 'response', status: 'completed', model, output, usage } });
  stream.end();
}

function openItem(action: Action): object {
  if (action.kind === 'tool') {
    return { type: 'function_call', name: action.name, call_id: `call_${randomUUID()}`, arguments: '' };
  }
  if (action.kind === 'think') return { type: 'reasoning', summary: [] };
  return { type: 'message', role: 'assistant', status: 'in_progress', content: [] };
}

function wholeItem(action: Action, text: string): object {
  if (action.kind === 'tool') return { ...openItem(action), arguments: JSON.stringify(action.input) };
  if (action.kind === 'think') return { type: 'reasoning', summary: [{ type: 'summary_text', text }] };
  const content = [{ type: 'output_text', text, annotations: [] }];
  return { type: 'message', role: 'assistant', status: 'completed', content };
}
