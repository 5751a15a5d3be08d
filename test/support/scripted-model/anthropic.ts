import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EventStream } from './event-stream.ts';
import { type Action, type Conversation, piecesOf, type Reply, type Said } from './script.ts';

/** Anthropic's messages, as Claude Code speaks them. */

const textBlock = z.looseObject({ type: z.literal('text'), text: z.string() });
const resultBlock = z.looseObject({
  type: z.literal('tool_result'),
  content: z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))]).optional(),
});
const block = z.union([textBlock, resultBlock, z.looseObject({ type: z.string() })]);

const request = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(block)]) })),
  tools: z.array(z.unknown()).optional(),
});

export function readAnthropic(body: unknown): Conversation & { model: string } {
  const { model, messages, tools } = request.parse(body);
  const said = messages
    .filter(({ role }) => role === 'user')
    .flatMap(({ content }) => (typeof content === 'string' ? [{ type: 'text', text: content }] : content))
    .flatMap((part): Said[] => {
      const text = textBlock.safeParse(part);
      if (text.success) return [{ kind: 'user', text: text.data.text }];
      const result = resultBlock.safeParse(part);
      return result.success ? [{ kind: 'result', text: textOf(result.data.content) }] : [];
    });
  return { model, said, hasTools: (tools ?? []).length > 0 };
}

function textOf(content: string | { text?: string }[] | undefined): string {
  return typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join('');
}

export async function writeAnthropic(stream: EventStream, { model, reply }: { model: string; reply: Reply }) {
  const send = (data: { type: string; [key: string]: unknown }) => stream.send(data, data.type);
  const counted = { cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  await send({
    type: 'message_start',
    message: {
      id: `msg_${randomUUID().replaceAll('-', '')}`,
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: reply.usage.input, output_tokens: 1, ...counted },
    },
  });
  for (const [index, action] of reply.actions.entries()) {
    await send({ type: 'content_block_start', index, content_block: openBlock(action) });
    for (const { delta, waitMs } of deltasOf(action)) {
      await stream.wait(waitMs);
      await send({ type: 'content_block_delta', index, delta });
    }
    await send({ type: 'content_block_stop', index });
  }
  const stop_reason = reply.actions.at(-1)?.kind === 'tool' ? 'tool_use' : 'end_turn';
  await send({
    type: 'message_delta',
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: reply.usage.output },
  });
  await send({ type: 'message_stop' });
  stream.end();
}

function openBlock(action: Action): object {
  if (action.kind === 'tool') return { type: 'tool_use', id: `toolu_${randomUUID()}`, name: action.name, input: {} };
  if (action.kind === 'think') return { type: 'thinking', thinking: '', signature: '' };
  return { type: 'text', text: '' };
}

function deltasOf(action: Action): { delta: object; waitMs: number }[] {
  if (action.kind === 'tool') {
    return [{ delta: { type: 'input_json_delta', partial_json: JSON.stringify(action.input) }, waitMs: 0 }];
  }
  const isThinking = action.kind === 'think';
  const pieces = piecesOf(action).map(({ text, waitMs }) => ({
    delta: isThinking ? { type: 'thinking_delta', thinking: text } : { type: 'text_delta', text },
    waitMs,
  }));
  return isThinking ? [...pieces, { delta: { type: 'signature_delta', signature: 'c2lnbmVk' }, waitMs: 0 }] : pieces;
}
