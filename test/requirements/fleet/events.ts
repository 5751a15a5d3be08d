import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { SeenRequest } from '../../support/fake-coder/fake-coder.ts';
import { type FleetSubject, type FleetVerifier, stateOf } from './verify.ts';
import { listOf } from '../callers.ts';

/** A cursor before everything. */
const BEGINNING = Buffer.from(JSON.stringify({ t: 'fleet', s: 0 })).toString('base64url');
const isListing = ({ pathname }: SeenRequest): boolean => pathname === '/api/v2/tasks';

/** The first look of all is what later ones are compared with; it is over when the second begins. */
export async function untilWatched({ coder, ok }: Pick<FleetSubject, 'coder' | 'ok'>): Promise<void> {
  const before = coder.requests.length;
  const { events } = await ok('poll_events', { stream: 'fleet', after: BEGINNING, timeout_ms: 0 });
  if (listOf(events).length === 0)
    await eventually(() => coder.requests.slice(before).filter(isListing).length >= 2, 30_000);
}

/** What the events are about: changes that are made once, and read over every wire. */
type Changed = Readonly<Record<'done' | 'broken' | 'failed' | 'lost' | 'back' | 'gone', string>>;

const readEvents = async ({ ok }: Pick<FleetSubject, 'ok'>, args: object) =>
  listOf(
    (await ok('poll_events', { stream: 'fleet', timeout_ms: 0, after: BEGINNING, max_events: 1000, ...args })).events,
  );

async function change(subject: FleetSubject): Promise<Changed> {
  const { addTask, coder } = subject;
  await untilWatched(subject);
  const working = { state: stateOf('working') };
  const agents = {
    done: addTask(working),
    broken: addTask(working),
    failed: addTask(),
    lost: addTask(),
    back: addTask({ healthy: false }),
    gone: addTask(),
  };
  const agent_ids = Object.values(agents).map(({ id }) => id);
  const areTold = (count: number) =>
    eventually(async () => (await readEvents(subject, { agent_ids })).length === count, 30_000);
  // They are told of as new, but for the one that is offline.
  await areTold(5);
  agents.done.state = stateOf('idle');
  agents.broken.status = 'error';
  agents.failed.status = 'error';
  agents.lost.healthy = false;
  agents.back.healthy = true;
  coder.fleet.tasks.splice(coder.fleet.tasks.indexOf(agents.gone), 1);
  await areTold(11);
  const { done, broken, failed, lost, back, gone } = agents;
  return { done: done.id, broken: broken.id, failed: failed.id, lost: lost.id, back: back.id, gone: gone.id };
}

export function declareEvents({ overMcp }: FleetVerifier): void {
  let changed: Promise<Changed> | undefined;

  overMcp('events.types', async subject => {
    changed ??= change(subject);
    const agents = await changed;
    const own = Object.values(agents);
    const all = (args: object = {}) => readEvents(subject, { agent_ids: own, ...args });
    const told = new Map((await all()).slice(5).map(event => [event.agentId, event]));
    const isTold = Object.entries(agents).map(([name, id]) => [name, told.get(id)?.type, told.get(id)?.severity]);
    assert.deepEqual(isTold, [
      ['done', 'task_completed', 'info'],
      ['broken', 'task_failed', 'warning'],
      ['failed', 'agent_failure', 'critical'],
      ['lost', 'agent_disconnected', 'warning'],
      ['back', 'agent_connected', 'info'],
      ['gone', 'agent_disconnected', 'warning'],
    ]);
    const event = told.get(agents.broken) ?? assert.fail('it is not told');
    const fields = ['agentId', 'message', 'metadata', 'provider', 'seq', 'severity', 'stream', 'timestamp', 'type'];
    assert.deepEqual(Object.keys(event).sort(), fields);
    assert.deepEqual([event.stream, event.provider, typeof event.seq], ['fleet', 'coder', 'number']);
    const count = async (args: object) => (await all(args)).length;
    assert.equal(await count({ types: ['task_completion'] }), 1, 'by its earlier name');
    assert.equal(await count({ event_types: ['task_failure', 'agent_failure'] }), 2);
    assert.equal(await count({ severity_min: 'warning' }), 4);
    assert.equal(await count({ severity_min: 'critical' }), 1);
    assert.equal(await count({ agent_ids: [agents.lost] }), 2);
  });
}
