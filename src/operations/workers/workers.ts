import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { viewWorker, workerOutput, workersAsText } from './views.ts';

const LOOK_MS = 500;

const shared = { toolset: 'sandbox', scope: 'admin', isTool: false } as const;
const workerId = z.string().min(1).max(255).describe('the worker');

export const workerList = defineOperation({
  ...shared,
  name: 'worker_list',
  title: 'List workers',
  description: 'List workers with their slots, labels, engines and leases; lost ones for a day.',
  input: z.strictObject({}),
  output: z.looseObject({ workers: z.array(workerOutput), waiting: z.number() }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  cli: {
    words: ['workers', 'list'],
    alias: ['worker', 'list'],
    examples: ['boxswain workers list', 'boxswain workers list --json'],
  },
  text: ({ workers, waiting }) => workersAsText(workers, waiting),
  async run(_input, { hub }) {
    const [views, waiting] = await Promise.all([hub.workers.views(), hub.workers.waiting()]);
    return { workers: views.map(viewWorker), waiting };
  },
});

export const workerDrain = defineOperation({
  ...shared,
  name: 'worker_drain',
  title: 'Drain a worker',
  description:
    'Give a worker no new workspaces, let its runs finish, and move its workspaces to other workers. It lasts until it is undrained or its process starts anew.',
  input: z.strictObject({
    worker_id: workerId,
    drain: z.boolean().default(true).describe('false: the same as undrain'),
    wait_seconds: z.int().min(0).max(300).default(0).describe('how long to wait until no workspace is left'),
  }),
  output: z.looseObject({
    worker_id: z.string(),
    is_draining: z.boolean(),
    workspaces_left: z.number(),
    is_empty: z.boolean(),
  }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  cli: {
    words: ['workers', 'drain'],
    alias: ['worker', 'drain'],
    positional: 'worker_id',
    waitsUntil: 'is_empty',
    examples: ['boxswain workers drain worker-1', 'boxswain workers drain worker-1 --wait'],
  },
  text: ({ worker_id, is_draining, workspaces_left }) =>
    is_draining
      ? `worker ${worker_id} is drained, ${workspaces_left} workspaces are left on it`
      : `worker ${worker_id} takes new workspaces`,
  async run({ worker_id, drain, wait_seconds }, context) {
    await context.hub.workers.drain(worker_id, drain);
    const left = await whenEmpty(worker_id, { seconds: drain ? wait_seconds : 0, context });
    return { worker_id, is_draining: drain, workspaces_left: left, is_empty: left === 0 };
  },
});

export const workerUndrain = defineOperation({
  ...shared,
  name: 'worker_undrain',
  title: 'Undrain a worker',
  description: 'Give a worker that was drained new workspaces again.',
  input: z.strictObject({ worker_id: workerId }),
  output: z.looseObject({ worker_id: z.string(), is_draining: z.boolean() }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  cli: {
    words: ['workers', 'undrain'],
    alias: ['worker', 'undrain'],
    positional: 'worker_id',
    examples: ['boxswain workers undrain worker-1'],
  },
  text: ({ worker_id }) => `worker ${worker_id} takes new workspaces`,
  async run({ worker_id }, { hub }) {
    await hub.workers.drain(worker_id, false);
    return { worker_id, is_draining: false };
  },
});

export const workerRemove = defineOperation({
  ...shared,
  name: 'worker_remove',
  title: 'Remove a worker',
  description: 'Forget a lost worker. With force also a live one: its workspaces are placed elsewhere.',
  input: z.strictObject({
    worker_id: workerId,
    force: z.boolean().default(false).describe('also a live one, which joins again if its process runs on'),
  }),
  output: z.looseObject({ worker_id: z.string(), removed: z.boolean() }),
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  cli: {
    words: ['workers', 'remove'],
    alias: ['worker', 'remove'],
    positional: 'worker_id',
    examples: ['boxswain workers remove worker-1', 'boxswain workers remove worker-1 --force'],
  },
  text: ({ worker_id }) => `worker ${worker_id} is removed`,
  async run({ worker_id, force }, { hub }) {
    await hub.workers.remove(worker_id, { force });
    return { worker_id, removed: true };
  },
});

/** Waits until no workspace is left on a worker, or so many seconds; how many are left. One that is gone has none. */
async function whenEmpty(
  workerId: string,
  { seconds, context }: { seconds: number; context: OperationContext },
): Promise<number> {
  const { hub, signal, report } = context;
  const until = performance.now() + seconds * 1000;
  while (true) {
    const view = (await hub.workers.views()).find(({ record }) => record.id === workerId);
    if (view?.state === 'lost')
      throw new AppError('NO_WORKER_AVAILABLE', `worker ${workerId} was lost while it was drained`, {
        hint: 'its workspaces are placed elsewhere; see boxswain workers list',
      });
    const left = view?.used ?? 0;
    if (left === 0 || performance.now() >= until) return left;
    report({ stage: 'draining', message: `${left} workspaces are left on ${workerId}` });
    await delay(LOOK_MS, undefined, { signal });
  }
}
