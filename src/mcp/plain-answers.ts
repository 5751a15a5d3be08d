import { z } from 'zod';

/**
 * Whether the client takes its answer as plain JSON only: it says nothing, or names JSON and no event stream. The SDK refuses such
 * requests, which clients of the earlier systems make.
 */
export function wantsPlainAnswer(request: Request): boolean {
  const accept = request.headers.get('accept') ?? '*/*';
  return !accept.includes('text/event-stream') && /application\/json|application\/\*|\*\/\*/.test(accept);
}

/** Serves a request as if it took streams, and answers with the JSON at the stream's end; what came before it is left out. */
export async function answeredPlainly(
  request: Request,
  serve: (request: Request) => Promise<Response>,
): Promise<Response> {
  const headers = new Headers(request.headers);
  headers.set('accept', 'application/json, text/event-stream');
  // The body was read already.
  const response = await serve(new Request(request.url, { method: request.method, headers, signal: request.signal }));
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
  const answers = answersIn(await response.text());
  const kept = new Headers(response.headers);
  for (const name of ['content-type', 'content-length', 'transfer-encoding', 'cache-control']) kept.delete(name);
  return Response.json(answers.length === 1 ? answers[0] : answers, { status: response.status, headers: kept });
}

const answerSchema = z.union([z.looseObject({ result: z.unknown() }), z.looseObject({ error: z.looseObject({}) })]);

/** The messages of an event stream that answer something. */
function answersIn(stream: string): unknown[] {
  return stream.split('\n\n').flatMap(frame => {
    const lines = frame.split('\n').filter(line => line.startsWith('data:'));
    const data = lines.map(line => line.slice('data:'.length).trim()).join('\n');
    if (data === '') return [];
    const message: unknown = JSON.parse(data);
    return answerSchema.safeParse(message).success ? [message] : [];
  });
}
