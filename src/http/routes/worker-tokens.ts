import { z } from 'zod';
import type { WorkerTokens } from '../../auth/worker-tokens.ts';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../../operations/define.ts';
import { readArguments } from '../request.ts';
import { type Api, type ApiParts, run } from './context.ts';

const MAX_EXPIRES_SECONDS = 10 * 366 * 86_400;

const token = z.looseObject({
  token_id: z.string(),
  role: z.enum(['worker', 'hub']),
  id: z.string(),
  labels: z.record(z.string(), z.string()),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});
const tokens = z.array(token);

const shared = { toolset: 'sandbox', scope: 'admin', cli: { words: [], examples: [] } } as const;
const changes = { readOnly: false, idempotent: false, openWorld: false } as const;

/** `/api/workers/tokens`: what workers and hubs join with, for callers who may administer. */
export function addWorkerTokenRoutes(api: Api, parts: ApiParts): void {
  const { create, list, revoke } = operationsOn(parts.tokens ?? NOT_HERE);
  api.post('/api/workers/tokens', async context => {
    const args = await readArguments(context.req.raw, parts.maxBodyBytes);
    const { output } = await run(parts, create, { context, args });
    // It holds a secret that nothing on the way may keep.
    return context.json(output, 201, { 'cache-control': 'no-store' });
  });
  api.get('/api/workers/tokens', async context => context.json((await run(parts, list, { context, args: {} })).output));
  api.delete('/api/workers/tokens/:id', async context => {
    const args = { id: context.req.param('id') };
    return context.json((await run(parts, revoke, { context, args })).output);
  });
}

function operationsOn(desk: WorkerTokens) {
  const create = defineOperation({
    ...shared,
    name: 'worker_token_create',
    title: 'Make a token',
    description: 'Make what a worker or hub joins with.',
    input: z.strictObject({
      role: z.enum(['worker', 'hub']).default('worker'),
      id: z.string().optional(),
      labels: z.record(z.string(), z.string()).optional(),
      servers: z.array(z.string()).min(1).optional(),
      hub: z.url({ protocol: /^https?$/ }).optional(),
      expires_seconds: z.int().min(1).max(MAX_EXPIRES_SECONDS).optional(),
    }),
    output: token.extend({ token: z.string() }),
    hints: { ...changes, destructive: false },
    run: async ({ expires_seconds: expiresSeconds, ...wanted }) => ({
      ...(await desk.create({ ...wanted, expiresSeconds })),
    }),
  });
  const list = defineOperation({
    ...shared,
    name: 'worker_token_list',
    title: 'List tokens',
    description: 'List the tokens that were made, the newest first.',
    input: z.strictObject({}),
    output: z.looseObject({ tokens }),
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    run: async () => ({ tokens: (await desk.list()).map(one => ({ ...one })) }),
  });
  const revoke = defineOperation({
    ...shared,
    name: 'worker_token_revoke',
    title: 'Revoke a token',
    description: 'Make a token void, or all of one worker or hub; whoever joined with it is cut off at once.',
    input: z.strictObject({ id: z.string().min(1).max(255) }),
    output: z.looseObject({ revoked: tokens }),
    hints: { ...changes, destructive: true, idempotent: true },
    run: async ({ id }) => ({ revoked: (await desk.revoke(id)).map(one => ({ ...one })) }),
  });
  return { create, list, revoke };
}

const notHere = (): Promise<never> =>
  Promise.reject(
    new AppError('CAPABILITY_UNSUPPORTED', 'this server makes no tokens', {
      hint: 'boxswain hub does, where its directory holds the authority',
    }),
  );
const NOT_HERE: WorkerTokens = { create: notHere, list: notHere, revoke: notHere };
