import type { Operation } from '../../operations/operation.ts';
import { queryArguments, readArguments } from '../request.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';
import { finderOf } from './operations.ts';
import { fleetRoutes } from './fleet-table.ts';
import type { OperationRoute } from './operation-route.ts';
import { sessionRoutes } from './session-table.ts';
import { shareRoutes } from './share-table.ts';

type Json = Record<string, unknown>;

/** Clients of the earlier system name these with every request, also where the operation has no use for them. */
const NEEDLESS = ['slug', 'cwd'];

/** Sessions, and agents of all providers, over HTTP: each route is an operation under another spelling. */
export function addSessionRoutes(api: Api, parts: ApiParts): void {
  const find = finderOf(parts);
  for (const route of [...sessionRoutes, ...fleetRoutes, ...shareRoutes]) {
    const [method = '', path = ''] = route.at.split(' ');
    api.on(method, path, async context => {
      const operation = find(route.operation);
      const args = await argumentsOf(route, { operation, context, maxBodyBytes: parts.maxBodyBytes });
      return answerOf(route, (await run(parts, operation, { context, args })).output);
    });
  }
}

interface Asked {
  readonly operation: Operation;
  readonly context: ApiContext;
  readonly maxBodyBytes: number;
}

/** What stands in the path wins over the body, and that over the query. */
async function argumentsOf(
  { argumentsOf }: OperationRoute,
  { operation, context, maxBodyBytes }: Asked,
): Promise<Json> {
  const body = context.req.method === 'GET' ? {} : await readArguments(context.req.raw, maxBodyBytes);
  const path: Json = { ...context.req.param() };
  const given = { ...renamed(queryArguments(context.req.raw, operation), operation), ...renamed(body, operation) };
  const args = { ...given, ...path };
  return argumentsOf?.(args) ?? args;
}

/** `requestId` is `request_id` where the operation has that; what it does not need is left out. */
function renamed(given: Json, { input }: Operation): Json {
  const named = Object.entries(given).flatMap(([name, value]) => {
    const snake = name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
    const known = !(name in input.shape) && snake in input.shape ? snake : name;
    return NEEDLESS.includes(known) && !(known in input.shape) ? [] : [[known, value] as const];
  });
  return Object.fromEntries(named);
}

/** A list that is the whole body leaves no room for what comes with it, which then stands in headers. */
function answerOf({ status, body }: OperationRoute, output: Json): Response {
  if (status === 204) return new Response(null, { status });
  const headers = new Headers({ 'x-content-type-options': 'nosniff' });
  if (body === undefined) return Response.json(output, { status, headers });
  const { nextCursor, warnings } = output;
  if (typeof nextCursor === 'string') headers.set('x-next-cursor', nextCursor);
  if (Array.isArray(warnings) && warnings.length > 0) headers.set('x-warnings', JSON.stringify(warnings));
  return Response.json(output[body], { status, headers });
}
