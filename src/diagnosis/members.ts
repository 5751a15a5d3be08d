import type { Check } from '../cli/doctor.ts';
import type { WorkerRecord } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { z } from 'zod';

const capabilities = z.looseObject({
  versions: z.looseObject({ boxswain: z.string().optional() }).optional(),
  engines: z.array(z.looseObject({ stale: z.array(z.string()).optional() })).optional(),
});

/** Who takes part, as the records have it. */
export async function memberChecks(store: Store, version: string): Promise<Check[]> {
  const [hubs, live, lost] = await Promise.all([
    store.hubs.live(),
    store.workers.list({ liveOnly: true }),
    store.workers.lost(),
  ]);
  return [
    {
      name: 'hubs',
      state: hubs.length > 0 ? 'ok' : 'warn',
      detail: hubs.length > 0 ? `${hubs.length} with a lease` : 'none has a lease',
      fix: 'start one: boxswain hub',
    },
    workersCheck(live),
    ...(lost.length > 0 ? [lostCheck(lost)] : []),
    ...live.flatMap(worker => oldCheck(worker, version)),
  ];
}

function workersCheck(live: readonly WorkerRecord[]): Check {
  const name = 'workers';
  const fix = 'start one: boxswain worker --token-file FILE';
  if (live.length === 0) return { name, state: 'warn', detail: 'none has joined', fix };
  const draining = live.filter(({ isDraining }) => isDraining).length;
  const slots = live.reduce((sum, worker) => sum + (worker.isDraining ? 0 : worker.slots), 0);
  const detail = `${live.length} live, ${draining} of them draining, ${slots} slots`;
  return {
    name,
    state: slots > 0 ? 'ok' : 'warn',
    detail,
    fix: 'boxswain workers undrain ID, or start another worker',
  };
}

const lostCheck = (lost: readonly WorkerRecord[]): Check => ({
  name: 'lost workers',
  state: 'warn',
  detail: lost.map(({ id }) => id).join(', '),
  fix: 'start them again, or forget them: boxswain workers remove ID',
});

function oldCheck({ id, capabilities: said }: WorkerRecord, version: string): Check[] {
  const parsed = capabilities.safeParse(said);
  if (!parsed.success) return [];
  const { versions, engines = [] } = parsed.data;
  const theirs = versions?.boxswain;
  const problems = [
    ...(theirs !== undefined && theirs !== version ? [`runs version ${theirs}, this is ${version}`] : []),
    ...engines.flatMap(({ stale = [] }) => stale),
  ];
  const fix = 'drain it, update it, and start it again';
  return problems.map(detail => ({ name: `worker ${id}`, state: 'warn', detail, fix }));
}
