import { z } from 'zod';
import { defineOperation } from '../../operations/define.ts';
import type { WorkerRecord } from '../../store/rows.ts';
import { readArguments } from '../request.ts';
import { type Api, type ApiParts, run } from './context.ts';

const worker = z.looseObject({ worker_id: z.string() });
const shared = { toolset: 'sandbox', scope: 'admin', cli: { words: [], examples: [] } } as const;

const list = defineOperation({
  ...shared,
  name: 'worker_list',
  title: 'List workers',
  description: 'List the workers that have joined this hub.',
  input: z.strictObject({}),
  output: z.looseObject({ workers: z.array(worker) }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  run: async (_input, { hub }) => ({ workers: (await hub.workers.list()).map(viewWorker) }),
});

const drain = defineOperation({
  ...shared,
  name: 'worker_drain',
  title: 'Drain a worker',
  description: 'Give a worker no new workspaces; with drain false, give it some again.',
  input: z.strictObject({ worker_id: z.string(), drain: z.boolean().default(true) }),
  output: z.looseObject({ worker_id: z.string(), is_draining: z.boolean() }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  async run({ worker_id, drain: isDraining }, { hub }) {
    await hub.workers.drain(worker_id, isDraining);
    return { worker_id, is_draining: isDraining };
  },
});

const remove = defineOperation({
  ...shared,
  name: 'worker_remove',
  title: 'Remove a worker',
  description: 'Forget a worker; its workspaces are placed elsewhere.',
  input: z.strictObject({ worker_id: z.string() }),
  output: z.looseObject({ worker_id: z.string(), removed: z.boolean() }),
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  async run({ worker_id }, { hub }) {
    await hub.workers.remove(worker_id);
    return { worker_id, removed: true };
  },
});

/** What an operator does with workers. */
export function addWorkerRoutes(api: Api, parts: ApiParts): void {
  api.get('/api/workers', async context => context.json((await run(parts, list, { context, args: {} })).output));
  api.post('/api/workers/:id/drain', async context => {
    const body = await readArguments(context.req.raw, parts.maxBodyBytes);
    const args = { ...body, worker_id: context.req.param('id') };
    return context.json((await run(parts, drain, { context, args })).output);
  });
  api.delete('/api/workers/:id', async context => {
    const args = { worker_id: context.req.param('id') };
    return context.json((await run(parts, remove, { context, args })).output);
  });
}

function viewWorker(record: WorkerRecord) {
  return {
    worker_id: record.id,
    slots: record.slots,
    labels: record.labels,
    capabilities: record.capabilities,
    is_draining: record.isDraining,
    joined_at: new Date(record.joinedAt).toISOString(),
    lease_until: new Date(record.leaseUntil).toISOString(),
  };
}
