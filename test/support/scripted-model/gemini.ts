import { z } from 'zod';
import { json } from '../../../src/protocol/json.ts';
import type { EventStream } from './event-stream.ts';
import { type Conversation, piecesOf, type Reply, replyTo, type Said } from './script.ts';

/** Gemini's content stream. */

const part = z.looseObject({
  text: z.string().optional(),
  functionResponse: z.looseObject({ response: z.record(z.string(), json).optional() }).optional(),
});
const request = z.looseObject({
  contents: z.array(z.looseObject({ role: z.string().optional(), parts: z.array(part).optional() })),
  tools: z.array(z.unknown()).optional(),
  generationConfig: z.looseObject({ responseMimeType: z.string().optional() }).optional(),
});

/** Gemini CLI asks a model first how hard the prompt is, and takes no answer in words. */
const RATED = JSON.stringify({ complexity_reasoning: 'it is a script', complexity_score: 1 });

export function readGemini(body: unknown): Conversation {
  const { contents, tools } = request.parse(body);
  const said = contents
    .filter(({ role }) => role !== 'model')
    .flatMap(({ parts }) => parts ?? [])
    .flatMap(({ text, functionResponse }): Said[] => {
      if (functionResponse) return [{ kind: 'result', text: JSON.stringify(functionResponse.response ?? {}) }];
      return text === undefined ? [] : [{ kind: 'user', text }];
    });
  return { said, hasTools: (tools ?? []).length > 0 };
}

export async function writeGemini(stream: EventStream, reply: Reply): Promise<void> {
  const send = (parts: object[], end: object = {}) =>
    stream.send({ candidates: [{ index: 0, content: { role: 'model', parts }, ...end }], ...usageOf(reply) });
  for (const action of reply.actions) {
    if (action.kind === 'tool') await send([{ functionCall: { name: action.name, args: action.input } }]);
    else {
      for (const { text, waitMs } of piecesOf(action)) {
        await stream.wait(waitMs);
        await send([action.kind === 'think' ? { text, thought: true } : { text }]);
      }
    }
  }
  await send([{ text: '' }], { finishReason: 'STOP' });
  stream.end();
}

/** The same in one piece, for requests that do not stream. */
export function wholeGemini(body: unknown): object {
  const reply = replyTo(readGemini(body));
  const wantsJson = request.parse(body).generationConfig?.responseMimeType === 'application/json';
  const said = reply.actions.flatMap(action => (action.kind === 'say' ? [action.text] : [])).join('\n');
  const text = wantsJson ? RATED : said;
  const content = { role: 'model', parts: [{ text }] };
  return { candidates: [{ index: 0, content, finishReason: 'STOP' }], ...usageOf(reply) };
}

const usageOf = ({ usage: { input, output } }: Reply) => ({
  usageMetadata: { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
});
