import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeCall, fakeHub } from '../../../test/support/fake-hub.ts';
import type { WorkerView, Workers } from '../../hub/hub.ts';
import { invoke } from '../invoke.ts';
import { allOperations, operatorOperations } from '../registry.ts';
import { workerDrain, workerList, workerRemove } from './workers.ts';

const view = (patch: Partial<WorkerView> = {}): WorkerView => ({
  record: {
    id: 'worker-1',
    boot: 'b',
    site: 's',
    slots: 4,
    labels: { zone: 'a' },
    capabilities: {
      engines: [{ name: 'bubblewrap', works: true, versions: {}, limits: { memory_mb: 'hard', disk_mb: 'soft' } }],
      versions: { boxswain: '1.2.3' },
    },
    isDraining: false,
    joinedAt: 0,
    leaseUntil: 15_000,
  },
  state: 'live',
  used: 2,
  lastHeardAt: 0,
  leaseLeftSeconds: 12.34,
  ...patch,
});

const callWith = (workers: Partial<Workers>) => fakeCall(fakeHub({ workers: { waiting: async () => 0, ...workers } }));

test('what operators do is no tool that models see, and to workers and audit records asks for the scope admin', () => {
  for (const { isTool } of operatorOperations) assert.equal(isTool, false);
  for (const { name, scope } of operatorOperations)
    assert.equal(scope === 'admin', /^(worker|audit)_/.test(name), name);
  for (const operation of allOperations) assert.equal(operation.isTool, true);
});

test('workers are a table for people, and whole for programs', async () => {
  const { output, text } = await invoke(
    workerList,
    {},
    callWith({ views: async () => [view()], waiting: async () => 2 }),
  );
  assert.deepEqual(text[0]?.split('\n'), [
    'WORKER    STATE  SLOTS  LABELS  ENGINE                     VERSION  HEARD                     LEASE',
    'worker-1  live   2/4    zone=a  bubblewrap (disk_mb=soft)  1.2.3    1970-01-01T00:00:00.000Z  12.3 s',
    '2 new workspaces wait for a slot',
  ]);
  assert.deepEqual(workerList.textOf(output, {}), text);
});

test('a worker that says less of itself is listed all the same', async () => {
  const { record } = view();
  const { text } = await invoke(
    workerList,
    {},
    callWith({ views: async () => [view({ record: { ...record, capabilities: {} } })] }),
  );
  assert.match(text[0] ?? '', /^worker-1 .* zone=a +- +- +/m);
  assert.equal((await invoke(workerList, {}, callWith({ views: async () => [] }))).text[0], 'no worker has joined');
});

test('a drain waits until nothing is left, and tells how much is', async () => {
  const drained: [string, boolean][] = [];
  const left = [2, 1, 0];
  const reports: unknown[] = [];
  const call = callWith({
    drain: async (id, isDraining) => void drained.push([id, isDraining]),
    views: async () => [view({ state: 'draining', used: left.shift() ?? 0 })],
  });
  const asked = { ...call, report: (progress: object) => void reports.push(progress) };
  const { output, text } = await invoke(workerDrain, { worker_id: 'worker-1', wait_seconds: 60 }, asked);
  assert.deepEqual(output, { worker_id: 'worker-1', is_draining: true, workspaces_left: 0, is_empty: true });
  assert.equal(text[0], 'worker worker-1 is drained, 0 workspaces are left on it');
  assert.deepEqual(reports[0], { stage: 'draining', message: '2 workspaces are left on worker-1' });
  assert.deepEqual(drained, [['worker-1', true]]);
});

test('a worker that is lost while it is drained is no success', async () => {
  const call = callWith({ drain: async () => {}, views: async () => [view({ state: 'lost' })] });
  await assert.rejects(invoke(workerDrain, { worker_id: 'worker-1', wait_seconds: 1 }, call), {
    code: 'NO_WORKER_AVAILABLE',
  });
});

test('removing asks for force by default not', async () => {
  const removed: unknown[] = [];
  const call = callWith({ remove: async (id, options) => void removed.push([id, options]) });
  await invoke(workerRemove, { worker_id: 'w' }, call);
  await invoke(workerRemove, { worker_id: 'w', force: true }, call);
  assert.deepEqual(removed, [
    ['w', { force: false }],
    ['w', { force: true }],
  ]);
});
