import { randomUUID } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request as requestPlainly, type RequestOptions } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { z } from 'zod';
import { hasOwnSocket } from '../auth/unix-socket.ts';
import { AppError } from '../errors/app-error.ts';
import type { Operation, OperationResult } from '../operations/operation.ts';
import type { ClientCall, LocalFile, OperationClient } from './client.ts';

const PROTOCOL_VERSION = '2026-07-28';

const replySchema = z.looseObject({
  method: z.string().optional(),
  params: z.looseObject({ progress: z.number().optional(), message: z.string().optional() }).optional(),
  error: z.looseObject({ message: z.string(), data: z.unknown().optional() }).optional(),
  result: z
    .looseObject({
      isError: z.boolean().optional(),
      structuredContent: z.record(z.string(), z.unknown()).optional(),
      content: z.array(z.looseObject({ text: z.string().optional() })).optional(),
      _meta: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});
type Reply = z.output<typeof replySchema>;

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  details: z.record(z.string(), z.unknown()),
});

/** Where a hub is: a unix socket, or a host, and what is shown there. */
type Place = Pick<RequestOptions, 'socketPath' | 'protocol' | 'hostname' | 'port'> & { readonly token?: string };

/**
 * A client of the hub that listens on this unix socket; undefined when none answers. The socket must belong to this user
 * and be closed to others, or it is refused.
 */
export async function connectSocket(socketPath: string): Promise<OperationClient | undefined> {
  if (!(await hasOwnSocket(socketPath))) return undefined;
  return (await statusOf({ socketPath })) === 200 ? clientAt({ socketPath }) : undefined;
}

/** A client of the hub at this address. Throws NO_WORKER_AVAILABLE when none answers there, UNAUTHORIZED when it wants another token. */
export async function connectUrl(url: string, { token }: { token?: string } = {}): Promise<OperationClient> {
  const { protocol, hostname, port } = new URL(url);
  const place = { protocol, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), token, ...(port !== '' && { port }) };
  const status = await statusOf(place);
  if (status === 200) return clientAt(place);
  if (status === 401)
    throw new AppError(
      'UNAUTHORIZED',
      `the hub at ${url} wants a token${token === undefined ? '' : ', and not this one'}`,
      {
        hint: 'make one there with boxswain tokens create, and give it as BOXSWAIN_CLIENT_TOKEN or client.token_file',
      },
    );
  throw new AppError('NO_WORKER_AVAILABLE', `no hub answers at ${url}`, {
    hint: 'start one with boxswain serve, or correct client.url',
  });
}

const clientAt = (place: Place): OperationClient => ({
  call: async (operation, args, call) => {
    if (!operation.isTool) return await operate(place, { operation, args, call });
    return resultOf(await post(place, envelope(operation.name, args), call));
  },
  upload: (sessionId, file, call) => upload(place, { sessionId, file, call }),
  close: async () => {},
});

interface Sent extends RequestOptions {
  readonly headers?: Record<string, string | number>;
}

function request(
  { token, ...place }: Place,
  { headers = {}, ...options }: Sent,
  heard: (response: IncomingMessage) => void,
): ClientRequest {
  const send = place.protocol === 'https:' ? requestSecurely : requestPlainly;
  const shown = token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` };
  return send({ ...place, ...options, headers: shown }, heard);
}

/** Undefined where nobody answers. */
function statusOf(place: Place): Promise<number | undefined> {
  return new Promise(resolve => {
    const probe = request(place, { path: '/healthz', timeout: 2000 }, response => {
      response.resume();
      resolve(response.statusCode);
    });
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve(undefined));
    probe.end();
  });
}

function envelope(name: string, args: Record<string, unknown>) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': PROTOCOL_VERSION,
    'io.modelcontextprotocol/clientInfo': { name: 'boxswain-cli', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
    progressToken: randomUUID(),
  };
  return {
    name,
    body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: meta } },
  };
}

function post(place: Place, message: ReturnType<typeof envelope>, call: ClientCall): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': PROTOCOL_VERSION,
      'mcp-method': 'tools/call',
      'mcp-name': message.name,
    };
    const sent = request(place, { path: '/mcp', method: 'POST', headers, signal: call.signal }, response => {
      readReply(response, call).then(resolve, reject);
    });
    sent.on('error', cause => reject(hubIsGone(cause)));
    sent.end(JSON.stringify(message.body));
  });
}

const refusalSchema = z.object({
  error: z.string(),
  code: z.string(),
  hint: z.string(),
  details: z.record(z.string(), z.unknown()),
});

/** What is no tool of MCP goes over HTTP. */
async function operate(
  place: Place,
  { operation, args, call }: { operation: Operation; args: Record<string, unknown>; call: ClientCall },
): Promise<OperationResult> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const to = { path: `/api/operations/${operation.name}`, headers, body: JSON.stringify(args) };
  const output = z.record(z.string(), z.unknown()).parse(await ask(place, to, call));
  return { output, text: operation.textOf(output, args) };
}

/** As a form, byte for byte: bytes are no argument of a tool. */
async function upload(
  place: Place,
  { sessionId, file, call }: { sessionId: string; file: LocalFile; call: ClientCall },
): Promise<{ fileId: string }> {
  const form = new FormData();
  form.append('file', new File([new Uint8Array(file.bytes)], file.name, { type: file.contentType }));
  const encoded = new Response(form);
  const body = Buffer.from(await encoded.arrayBuffer());
  const headers = { 'content-type': encoded.headers.get('content-type') ?? '', 'content-length': body.length };
  const path = `/api/sessions/${encodeURIComponent(sessionId)}/upload`;
  return z.looseObject({ fileId: z.string() }).parse(await ask(place, { path, headers, body }, call));
}

interface Posted {
  readonly path: string;
  readonly headers: Record<string, string | number>;
  readonly body: string | Buffer;
}

/** The JSON of a success. Throws the AppError that the hub answered. */
function ask(place: Place, { path, headers, body }: Posted, { signal }: ClientCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request(place, { path, method: 'POST', headers, signal }, response => {
      readJson(response)
        .then(answer => {
          if (response.statusCode === 200) return resolve(answer);
          const { error: message, ...shape } = refusalSchema.parse(answer);
          throw AppError.fromShape({ message, ...shape });
        })
        .catch(reject);
    });
    sent.on('error', cause => reject(hubIsGone(cause)));
    sent.end(body);
  });
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
}

const hubIsGone = (cause: unknown): AppError =>
  new AppError('NO_WORKER_AVAILABLE', 'the running hub does not answer', { cause });

/** The answer is JSON, or an event stream whose last message is the answer and whose earlier ones are progress. */
async function readReply(response: IncomingMessage, call: ClientCall): Promise<Reply> {
  response.setEncoding('utf8');
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') === true;
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (!isStream) continue;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const reply = dataOf(event);
      if (reply?.result || reply?.error) return reply;
      if (reply?.params) call.report({ message: reply.params.message, percent: reply.params.progress });
    }
  }
  if (isStream) throw new AppError('NO_WORKER_AVAILABLE', 'the running hub closed the connection before it answered');
  return replySchema.parse(JSON.parse(text));
}

function dataOf(event: string): Reply | undefined {
  const data = event
    .split('\n')
    .filter(line => line.startsWith('data:'))
    .map(line => line.slice(5).trim())
    .join('\n');
  return data === '' ? undefined : replySchema.parse(JSON.parse(data));
}

function resultOf(reply: Reply) {
  if (reply.error) {
    const { message, data } = reply.error;
    const told = errorSchema.omit({ message: true }).safeParse(data);
    throw told.success ? AppError.fromShape({ message, ...told.data }) : new AppError('VALIDATION_ERROR', message);
  }
  const text = (reply.result?.content ?? []).flatMap(block => block.text ?? []);
  if (!reply.result?.isError) return { output: reply.result?.structuredContent ?? {}, text };
  const shape = errorSchema.safeParse(reply.result._meta?.['boxswain/error']);
  throw shape.success ? AppError.fromShape(shape.data) : new AppError('INTERNAL_ERROR', text.join('\n'));
}
