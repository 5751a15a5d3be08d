import { AppError } from '../../errors/app-error.ts';
import { maxUploadBytes, uploadOf } from '../../operations/sessions/uploads.ts';
import { HttpRefusal } from '../errors.ts';
import { type Api, type ApiParts, run } from './context.ts';
import { finderOf } from './operations.ts';

/** What surrounds the file in the body: boundaries, headers, a few fields. */
const AROUND_BYTES = 65_536;

/** `POST /api/sessions/{id}/upload`: one file of a form, byte for byte. */
export function addSessionUploadRoutes(api: Api, parts: ApiParts): void {
  const find = finderOf(parts);
  api.post('/api/sessions/:session_id/upload', async context => {
    // Served where prompts are.
    find('send_prompt');
    const file = await fileOf(context.req.raw);
    const bytes = Buffer.from(await file.arrayBuffer());
    const operation = uploadOf({ name: file.name, contentType: file.type, bytes });
    const { output } = await run(parts, operation, { context, args: context.req.param() });
    return context.json(output);
  });
}

/** The first file of the form, whatever its field is called. */
async function fileOf(request: Request): Promise<File> {
  const contentType = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    const hint = 'send a form with one file, such as: curl -F file=@picture.png';
    throw new HttpRefusal(415, new AppError('VALIDATION_ERROR', 'the body must be multipart/form-data', { hint }));
  }
  const body = capped(request.body, maxUploadBytes + AROUND_BYTES);
  const form = await new Response(body, { headers: { 'content-type': contentType } }).formData().catch(cause => {
    if (cause instanceof HttpRefusal) throw cause;
    throw new AppError('VALIDATION_ERROR', 'the form cannot be read', {
      hint: 'send multipart/form-data with a boundary',
      cause,
    });
  });
  const [file] = [...form.values()].filter(value => value instanceof File);
  if (file !== undefined) return file;
  throw new AppError('VALIDATION_ERROR', 'the form holds no file', { hint: 'name the file in a field, such as file' });
}

/** Fails as soon as more has come, so that no larger body is ever held. */
function capped(body: ReadableStream<Uint8Array> | null, maxBytes: number): ReadableStream<Uint8Array> | undefined {
  let received = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      received += chunk.byteLength;
      if (received <= maxBytes) controller.enqueue(chunk);
      else controller.error(tooLarge());
    },
  });
  return body?.pipeThrough(count);
}

const tooLarge = () =>
  new HttpRefusal(
    413,
    new AppError('VALIDATION_ERROR', `the file is larger than ${maxUploadBytes} bytes`, {
      hint: 'put it where the agent can read it, and name its path in the prompt',
    }),
  );
