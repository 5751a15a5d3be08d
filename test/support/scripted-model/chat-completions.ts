import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EventStream } from './event-stream.ts';
import { type Conversation, piecesOf, type Reply, type Said } from './script.ts';

/** OpenAI's chat completions, as OpenCode and many others speak them. */

const content = z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))]);
const request = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: content.nullish() })),
  tools: z.array(z.unknown()).optional(),
});

export function readChatCompletions(body: unknown): Conversation & { model: string } {
  const { model, messages, tools } = request.parse(body);
  const said = messages.flatMap(({ role, content }): Said[] => {
    const texts = typeof content === 'string' ? [content] : (content ?? []).map(({ text }) => text ?? '');
    if (role === 'tool') return [{ kind: 'result', text: texts.join('') }];
    return role === 'user' ? texts.map(text => ({ kind: 'user', text })) : [];
  });
  return { model, said, hasTools: (tools ?? []).length > 0 };
}

export async function writeChatCompletions(stream: EventStream, { model, reply }: { model: string; reply: Reply }) {
  const head = {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model,
  };
  const send = (delta: object, finish_reason: string | null = null) =>
    stream.send({ ...head, choices: [{ index: 0, delta, finish_reason }] });
  await send({ role: 'assistant', content: '' });
  for (const action of reply.actions) {
    if (action.kind === 'tool') {
      const call = { name: action.name, arguments: JSON.stringify(action.input) };
      await send({ tool_calls: [{ index: 0, id: `call_${randomUUID()}`, type: 'function', function: call }] });
    } else {
      for (const { text, waitMs } of piecesOf(action)) {
        await stream.wait(waitMs);
        await send(action.kind === 'think' ? { reasoning_content: text } : { content: text });
      }
    }
  }
  await send({}, reply.actions.at(-1)?.kind === 'tool' ? 'tool_calls' : 'stop');
  const { input, output } = reply.usage;
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  await stream.send({ ...head, choices: [], usage });
  stream.end('data: [DONE]\n\n');
}
