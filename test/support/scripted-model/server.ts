import type { IncomingMessage, ServerResponse } from 'node:http';
import { json as readJson } from 'node:stream/consumers';
import { type LocalServer, serveLocally } from '../local-server.ts';
import { readAnthropic, writeAnthropic } from './anthropic.ts';
import { readChatCompletions, writeChatCompletions } from './chat-completions.ts';
import { EventStream } from './event-stream.ts';
import { readGemini, wholeGemini, writeGemini } from './gemini.ts';
import { readResponses, writeResponses } from './responses.ts';
import { type Reply, replyTo } from './script.ts';

/**
 * A model that does what the prompt says, for real agents. It remembers nothing: every request holds the whole conversation. `hears`
 * gets the body of each.
 */
export function startScriptedModel({ hears }: { hears?: (body: unknown) => void } = {}): Promise<LocalServer> {
  return serveLocally((request, response) => {
    answer(request, response, hears).catch(error => {
      // Whoever asked has hung up; that is what an interrupted turn looks like from here.
      if (response.destroyed) return;
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', message: String(error) } }));
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  hears: ((body: unknown) => void) | undefined,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'POST') return plain(response, pathname.endsWith('/models') ? models : {});
  const body = await readJson(request);
  hears?.(body);
  if (pathname.endsWith('/count_tokens')) return plain(response, { input_tokens: 10 });
  if (pathname.endsWith(':countTokens')) return plain(response, { totalTokens: 10 });
  if (pathname.endsWith('/messages')) return stream(response, readAnthropic(body), writeAnthropic);
  if (pathname.endsWith('/responses')) return stream(response, readResponses(body), writeResponses);
  if (pathname.endsWith('/chat/completions')) return stream(response, readChatCompletions(body), writeChatCompletions);
  if (pathname.endsWith(':streamGenerateContent')) {
    return stream(response, readGemini(body), (events, { reply }) => writeGemini(events, reply));
  }
  if (pathname.endsWith(':generateContent')) return plain(response, wholeGemini(body));
  plain(response, {}, 404);
}

const models = { object: 'list', data: [{ id: 'scripted', object: 'model', owned_by: 'tests' }], models: [] };

async function stream<Asked extends Parameters<typeof replyTo>[0]>(
  response: ServerResponse,
  asked: Asked,
  write: (events: EventStream, answer: Asked & { reply: Reply }) => Promise<void>,
): Promise<void> {
  const reply = replyTo(asked);
  if (reply.fail === undefined) return write(new EventStream(response), { ...asked, reply });
  const message = 'the script says so';
  plain(response, { type: 'error', error: { type: 'api_error', code: 'scripted', message } }, reply.fail);
}

function plain(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
