import { z } from 'zod';
import type { WorkerView } from '../../hub/hub.ts';

const engine = z.looseObject({
  name: z.string(),
  works: z.boolean(),
  versions: z.record(z.string(), z.string()),
  limits: z.record(z.string(), z.string()),
});

/** What a worker says of itself; a worker of another version may say more or less. */
const capabilities = z.looseObject({
  engines: z.array(engine).catch([]),
  versions: z.record(z.string(), z.string()).catch({}),
});

export const workerOutput = z.looseObject({
  worker_id: z.string(),
  slots: z.number(),
  slots_used: z.number(),
  state: z.enum(['live', 'draining', 'lost']),
  labels: z.record(z.string(), z.string()),
  is_draining: z.boolean(),
  engines: z.array(engine),
  versions: z.record(z.string(), z.string()),
  capabilities: z.record(z.string(), z.unknown()),
  joined_at: z.string(),
  last_heard_at: z.string(),
  lease_until: z.string(),
  lease_left_seconds: z.number(),
});
type WorkerOutput = z.output<typeof workerOutput>;

export function viewWorker({ record, state, used, lastHeardAt, leaseLeftSeconds }: WorkerView): WorkerOutput {
  const { engines, versions } = capabilities.parse(record.capabilities);
  return {
    worker_id: record.id,
    slots: record.slots,
    slots_used: used,
    state,
    labels: record.labels,
    is_draining: record.isDraining,
    engines,
    versions,
    capabilities: record.capabilities,
    joined_at: new Date(record.joinedAt).toISOString(),
    last_heard_at: new Date(lastHeardAt).toISOString(),
    lease_until: new Date(record.leaseUntil).toISOString(),
    lease_left_seconds: Math.round(leaseLeftSeconds * 10) / 10,
  };
}

/** The workers as an aligned table, with what each sandbox engine enforces below its worker. */
export function workersAsText(workers: readonly WorkerOutput[], waiting: number): string {
  if (workers.length === 0) return 'no worker has joined';
  const head = ['WORKER', 'STATE', 'SLOTS', 'LABELS', 'ENGINE', 'VERSION', 'HEARD', 'LEASE'];
  const rows = workers.map(worker => [
    worker.worker_id,
    worker.state,
    `${worker.slots_used}/${worker.slots}`,
    pairs(worker.labels) || '-',
    worker.engines.map(engineAsText).join('; ') || '-',
    worker.versions.boxswain ?? '-',
    worker.last_heard_at,
    `${worker.lease_left_seconds} s`,
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  const queue = waiting > 0 ? [`${waiting} new workspaces wait for a slot`] : [];
  return [line(head), ...rows.map(line), ...queue].join('\n');
}

function engineAsText({ name, works, limits }: WorkerOutput['engines'][number]): string {
  if (!works) return `${name} (does not work)`;
  const notHard = Object.entries(limits).filter(([, enforcement]) => enforcement !== 'hard');
  return notHard.length === 0 ? `${name} (limits hard)` : `${name} (${pairs(Object.fromEntries(notHard))})`;
}

const pairs = (map: Readonly<Record<string, string>>): string =>
  Object.entries(map)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
