import { z } from 'zod';
import type { Blobs } from '../blobs/blobs.ts';
import { AppError } from '../errors/app-error.ts';
import { type Address, type Closer, type Fabric, NobodyThere, RequestTimeout } from '../fabric/fabric.ts';
import { newId } from '../ids/ids.ts';
import { inScope } from '../telemetry/scope.ts';
import { type CarriedScope, carriedScope, continueScope, traced } from '../telemetry/tracing.ts';
import { decodeMessage, encodeMessage, ProtocolError } from './envelope.ts';
import { InOrder } from './in-order.ts';
import {
  type HubReply,
  type HubRequest,
  type HubVerb,
  hubRequests,
  replySchema,
  type WorkerReply,
  type WorkerRequest,
  type WorkerVerb,
  workerRequests,
} from './messages.ts';

/** What it takes to talk: the fabric, and the blobs for what is too large for it. */
export interface Link {
  readonly fabric: Fabric;
  readonly blobs: Blobs;
}

/** The worker does not hold that workspace at that epoch: read the route again, once. */
export class NotHere extends Error {
  override readonly name = 'NotHere';

  constructor(message = 'the worker does not hold this workspace', options?: ErrorOptions) {
    super(message, options);
  }
}

export interface AskOptions {
  /** Longest wait for the answer; longer than any wait that the request itself asks for. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks one worker. Messages leave, and their handlers start, in the order of the calls, whatever their size, so a caller may
 * let the next one go as soon as it has called this. Throws the AppError that the worker answered; NotHere; NO_WORKER_AVAILABLE when nobody serves the worker
 * or no answer came in time (then `cause` is NobodyThere or RequestTimeout); ProtocolError for a reply that does not fit.
 */
export async function askWorker<Verb extends WorkerVerb>(
  link: Link,
  verb: Verb,
  body: WorkerRequest<Verb>,
  { worker, ...options }: AskOptions & { worker: string },
): Promise<WorkerReply<Verb>> {
  const near = NEAR.has(verb) ? nearby(link, { worker }, nearWorkers) : undefined;
  const call = near && { verb, to: { worker }, handle: (from: string) => near.handlers[verb](body, { from }) };
  try {
    if (near && call) return await traced(verb, () => askNear(near, call, options), ASKING);
    return await ask(link, { table: workerRequests, verb, body, to: { worker } }, options);
  } catch (cause) {
    if (!(cause instanceof NobodyThere || cause instanceof RequestTimeout)) throw cause;
    throw new AppError('NO_WORKER_AVAILABLE', 'no workers available to handle request', {
      details: { reason: cause instanceof NobodyThere ? 'not_connected' : 'no_answer' },
      cause,
    });
  }
}

/** Asks any hub. Throws like `askWorker`, but NobodyThere and RequestTimeout as they are: the worker asks again. */
export function askHub<Verb extends HubVerb>(
  link: Link,
  verb: Verb,
  body: HubRequest<Verb>,
  options: AskOptions,
): Promise<HubReply<Verb>> {
  const to = { hub: 'any' } as const;
  const near = NEAR_HUB.has(verb) ? nearby(link, to, nearHubs) : undefined;
  if (near === undefined) return ask(link, { table: hubRequests, verb, body, to }, options);
  const call = { verb, to, handle: (from: string) => near.handlers[verb](body, { from }) };
  return traced(verb, () => askNear(near, call, options), ASKING);
}

export type WorkerHandlers = Handlers<typeof workerRequests>;
export type HubHandlers = Handlers<typeof hubRequests>;
/** Hears, with the reference id that the asker got, what a handler threw that is neither AppError nor NotHere. */
export type OnError = (error: unknown, context: { verb: string; from: string; reference: string }) => void;

/** Serves all requests to the worker `worker`. A handler may throw AppError and NotHere; both reach the asker. */
export async function serveWorker(
  link: Link,
  { worker, ...serving }: { worker: string; handlers: WorkerHandlers; onError: OnError },
): Promise<Closer> {
  const close = await serve(link, { at: { worker }, table: workerRequests, ...serving });
  nearWorkers.set(serving, serving);
  return offered(link, { at: { worker }, serving, close });
}

/** Serves what workers ask of any hub; `from` of the handlers' context is the worker's authenticated id. */
export async function serveHub(link: Link, serving: NearServer<HubHandlers>): Promise<Closer> {
  const at = { hub: 'any' } as const;
  const close = await serve(link, { at, table: hubRequests, ...serving });
  nearHubs.set(serving, serving);
  return offered(link, { at, serving, close });
}

/**
 * Asked so often, and answered so fast, that a message would be most of what they cost: of a worker, or a hub, in the same process they
 * are called. What they are asked and answer is changed by nobody, and has nothing that the schemas do not know.
 */
const NEAR: ReadonlySet<WorkerVerb> = new Set(['run.submit', 'run.await', 'session.prompt'] as const);
const NEAR_HUB: ReadonlySet<HubVerb> = new Set(['session.told'] as const);

interface NearServer<Handlers> {
  readonly handlers: Handlers;
  readonly onError: OnError;
}

/** Of what the local servers of a fabric hold, those that are workers, and those that are hubs. */
const nearWorkers = new WeakMap<object, NearServer<WorkerHandlers>>();
const nearHubs = new WeakMap<object, NearServer<HubHandlers>>();

interface Near {
  readonly onError: OnError;
  readonly local: NonNullable<Fabric['local']>;
}

function offered(link: Link, { at, serving, close }: { at: Address; serving: object; close: Closer }): Closer {
  const withdraw = link.fabric.local?.servers.offer(at, serving);
  return async () => {
    await withdraw?.();
    await close();
  };
}

function nearby<Server extends object>(
  { fabric: { local } }: Link,
  to: Address,
  known: WeakMap<object, Server>,
): (Server & Pick<Near, 'local'>) | undefined {
  const there = local?.servers.find(to);
  const server = there && known.get(there);
  return local && server && { ...server, local };
}

/** Like `ask`, without a message. It is handled at once, so what the asker has to do besides is done while it is under way. */
async function askNear<Reply>(
  { onError, local }: Near,
  { verb, to, handle }: { verb: string; to: Address; handle(from: string): Promise<Reply> },
  options: AskOptions,
): Promise<Reply> {
  options.signal?.throwIfAborted();
  const scope = carriedScope();
  const told = async () => {
    try {
      return await continueScope(scope, verb, () => handle(local.name));
    } catch (error) {
      const reply = failure(error, { verb, from: local.name, request: scope?.request, onError });
      throw reply.notHere ? new NotHere() : AppError.fromShape(reply.error);
    }
  };
  return await local.limited(to, told(), options);
}

type Table = Readonly<Record<string, { readonly request: z.ZodType; readonly reply: z.ZodType }>>;
type Handlers<Requests extends Table> = {
  readonly [Verb in keyof Requests]: (
    body: z.output<Requests[Verb]['request']>,
    context: { from: string },
  ) => Promise<z.output<Requests[Verb]['reply']>>;
};

/** `scope`: which call caused it, and which span. */
const requestSchema = z.object({
  verb: z.string(),
  body: z.unknown(),
  scope: z.object({ request: z.string(), trace: z.record(z.string(), z.string()).optional() }).optional(),
});
const ASKING = { role: 'client' } as const;

/** Per fabric, so that messages leave in the order in which they were asked for. */
const departures = new WeakMap<Fabric, InOrder>();

function ask<Requests extends Table, Verb extends keyof Requests & string>(
  link: Link,
  question: { table: Requests; verb: Verb; body: unknown; to: Address },
  options: AskOptions,
): Promise<z.output<Requests[Verb]['reply']>> {
  return traced(question.verb, () => askNow(link, question, options), ASKING);
}

async function askNow<Requests extends Table, Verb extends keyof Requests & string>(
  link: Link,
  { table, verb, body, to }: { table: Requests; verb: Verb; body: unknown; to: Address },
  options: AskOptions,
): Promise<z.output<Requests[Verb]['reply']>> {
  const order = departures.get(link.fabric) ?? new InOrder();
  departures.set(link.fabric, order);
  const bytes = await order.act(
    JSON.stringify(to),
    encodeMessage({ verb, body, scope: carriedScope() }, link.blobs),
    message => link.fabric.request(to, message, options),
  );
  const message = await decodeMessage(bytes, link.blobs, { isOnlyReader: true });
  const reply = parseAs(replySchema, message, `reply to ${verb}`);
  if (reply.ok) return parseAs<Requests[Verb]['reply']>(entryOf(table, verb).reply, reply.body, `reply to ${verb}`);
  throw reply.notHere ? new NotHere() : AppError.fromShape(reply.error);
}

async function serve<Requests extends Table>(
  link: Link,
  { at, table, handlers, onError }: { at: Address; table: Requests; handlers: Handlers<Requests>; onError: OnError },
): Promise<Closer> {
  const arrivals = new InOrder();
  return await link.fabric.serve(at, async (bytes, from) => {
    let verb = 'unknown';
    let scope: CarriedScope | undefined;
    try {
      const message = decodeMessage(bytes, link.blobs, { isOnlyReader: true });
      const reply = await arrivals.act(from, message, value => {
        const request = parseAs(requestSchema, value, 'request');
        verb = request.verb;
        scope = request.scope;
        if (!hasVerb(table, verb)) throw new ProtocolError(`unknown request ${verb}`);
        const name = verb;
        return continueScope(scope, name, () => handle({ table, handlers, verb: name }, request.body, from));
      });
      return await encodeMessage({ ok: true, body: reply }, link.blobs);
    } catch (error) {
      return await encodeMessage(failure(error, { verb, from, request: scope?.request, onError }), link.blobs);
    }
  });
}

/** Generic in the verb, so that the checker ties the body that is parsed to the handler that takes it. */
function handle<Requests extends Table, Verb extends keyof Requests & string>(
  { table, handlers, verb }: { table: Requests; handlers: Handlers<Requests>; verb: Verb },
  body: unknown,
  from: string,
): Promise<z.output<Requests[Verb]['reply']>> {
  const request = parseAs<Requests[Verb]['request']>(entryOf(table, verb).request, body, `request ${verb}`);
  return handlers[verb](request, { from });
}

interface Failed {
  readonly verb: string;
  readonly from: string;
  /** Id of the request that caused it: what the caller is told then leads to the log lines of hub and worker. */
  readonly request: string | undefined;
  readonly onError: OnError;
}

function failure(error: unknown, { verb, from, request, onError }: Failed) {
  if (error instanceof NotHere) {
    return { ok: false, notHere: true, error: new AppError('WORKSPACE_NOT_FOUND', error.message).toShape() };
  }
  if (error instanceof AppError) return { ok: false, error: error.toShape() };
  const reference = request ?? newId('req');
  inScope(request === undefined ? undefined : { requestId: request }, () => onError(error, { verb, from, reference }));
  const shape = new AppError('INTERNAL_ERROR', `internal error, reference ${reference}`, { details: { reference } });
  return { ok: false, error: shape.toShape() };
}

function entryOf<Requests extends Table, Verb extends keyof Requests & string>(table: Requests, verb: Verb) {
  const entry = table[verb];
  if (!entry) throw new ProtocolError(`unknown request ${verb}`);
  return entry;
}

const hasVerb = <Requests extends Table>(table: Requests, verb: string): verb is keyof Requests & string =>
  Object.hasOwn(table, verb);

function parseAs<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ProtocolError(`${what}: ${z.prettifyError(result.error)}`);
}
