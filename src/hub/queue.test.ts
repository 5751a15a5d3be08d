import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alice, callOf, newWorkspace, plainRequest, withBench } from '../../test/support/hub-under-test.ts';
import { eventually } from '../../test/support/eventually.ts';
import { AppError } from '../errors/app-error.ts';
import type { Hub } from './hub.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;
const callerNamed = (id: string) => ({ id, scopes: new Set(['admin']), teams: new Set<string>() });
const make = (hub: Hub, id: string, signal?: AbortSignal) =>
  hub.workspaces.create(plainRequest, callOf({ caller: callerNamed(id), ...(signal && { signal }) }));
const waiting = (placement: object = {}) => ({ config: { placement: { queue_seconds: 60, ...placement } } });

describe('when all slots are taken', () => {
  it(
    'a new workspace waits until one is free',
    withBench(async bench => {
      const hub = await bench.hub(waiting());
      await bench.worker({ slots: 1 });
      const first = await newWorkspace(hub);
      const reports: unknown[] = [];
      const second = hub.workspaces.create(plainRequest, callOf({ report: progress => reports.push(progress) }));
      await eventually(async () => (await bench.store.waiting.line()).waiting.length === 1);
      await hub.workspaces.delete(first.id, alice);
      assert.equal((await second).record.state, 'ready');
      assert.deepEqual(reports[0], { stage: 'waiting', message: 'waiting for a workspace slot' });
      assert.equal((await bench.store.waiting.line()).waiting.length, 0);
    }),
  );

  it(
    'a caller who floods gets no more than the others, at whichever hub they ask',
    withBench(async bench => {
      const hubs = [await bench.hub(waiting()), await bench.hub(waiting())];
      const [one, two] = hubs;
      assert.ok(one && two);
      await bench.worker({ slots: 4 });
      const held = await Promise.all(Array.from({ length: 4 }, () => make(one, 'flooder')));
      const order: string[] = [];
      const served = async (hub: Hub, id: string) => {
        await make(hub, id);
        order.push(id);
      };
      const all = Array.from({ length: 6 }, () => served(one, 'flooder'));
      await eventually(async () => (await bench.store.waiting.line()).waiting.length === 6);
      for (const [at, id] of ['anna', 'bert', 'cleo'].entries()) {
        all.push(served(at % 2 === 0 ? two : one, id));
        await eventually(async () => (await bench.store.waiting.line()).waiting.length === 7 + at);
      }
      for (const [at, { record }] of held.entries()) {
        await one.workspaces.delete(record.id, callerNamed('flooder'));
        await eventually(() => order.length === at + 1);
      }
      assert.deepEqual(order, ['anna', 'bert', 'cleo', 'flooder']);
      const rest = await Promise.race([Promise.all(all), Promise.resolve('waiting')]);
      assert.equal(rest, 'waiting');
      for (const promise of all) promise.catch(() => {});
    }),
  );

  it(
    'whoever comes later does not take what others wait for',
    withBench(async bench => {
      const hub = await bench.hub(waiting());
      await bench.worker({ slots: 1 });
      const first = await make(hub, 'anna');
      const second = make(hub, 'bert');
      await eventually(async () => (await bench.store.waiting.line()).waiting.length === 1);
      const deleted = hub.workspaces.delete(first.record.id, callerNamed('anna'));
      const third = make(hub, 'cleo');
      await deleted;
      const made = await second;
      await hub.workspaces.delete(made.record.id, callerNamed('bert'));
      assert.equal((await third).record.state, 'ready');
    }),
  );

  it(
    'the line is bounded, in all and for each caller, and says so with a time to come back',
    withBench(async bench => {
      const hub = await bench.hub(waiting({ queue_depth: 2, queue_per_caller: 1 }));
      await bench.worker({ slots: 1 });
      await newWorkspace(hub);
      const gone = new AbortController();
      const inLine = [make(hub, 'anna', gone.signal), make(hub, 'bert', gone.signal)];
      await eventually(async () => (await bench.store.waiting.line()).waiting.length === 2);
      for (const caller of ['anna', 'cleo']) {
        await assert.rejects(make(hub, caller), (error: unknown) => {
          assert.ok(error instanceof AppError);
          assert.deepEqual([error.code, error.retryable], ['CAPACITY_EXCEEDED', true]);
          assert.ok(Number(error.details.retry_after_seconds) > 0);
          return true;
        });
      }
      gone.abort(new Error('gone'));
      for (const one of inLine) await assert.rejects(one, /gone/);
      assert.equal((await bench.store.waiting.line()).waiting.length, 0);
    }),
  );

  it(
    'the wait ends when its time is over',
    withBench(async bench => {
      const hub = await bench.hub(waiting({ queue_seconds: 1 }));
      await bench.worker({ slots: 1 });
      await newWorkspace(hub);
      await assert.rejects(newWorkspace(hub), {
        code: 'CAPACITY_EXCEEDED',
        message: 'no workspace slot became free within 1 seconds',
      });
      assert.equal((await bench.store.waiting.line()).waiting.length, 0);
    }),
  );

  it(
    'who waits at a hub that is lost holds nobody up',
    withBench(async bench => {
      const lost = await bench.hub({ ...waiting(), timing: { leaseSeconds: 1 } });
      const hub = await bench.hub(waiting());
      await bench.worker({ slots: 1 });
      const first = await newWorkspace(hub);
      const never = make(lost, 'anna');
      await eventually(async () => (await bench.store.waiting.line()).waiting.length === 1);
      await lost.close();
      await assert.rejects(never, hasCode('NO_WORKER_AVAILABLE'));
      const next = make(hub, 'bert');
      await hub.workspaces.delete(first.id, alice);
      assert.equal((await next).record.caller, 'bert');
    }),
  );

  it(
    'a worker that joins takes those who wait',
    withBench(async bench => {
      const hub = await bench.hub(waiting());
      await bench.worker({ slots: 1 });
      await newWorkspace(hub);
      const next = make(hub, 'bert');
      await eventually(async () => (await bench.store.waiting.line()).waiting.length === 1);
      const worker = await bench.worker({ slots: 1 });
      assert.equal((await next).record.worker, worker.id);
    }),
  );
});

describe('labels', () => {
  it(
    'lead a workspace to a worker that has them',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker({ slots: 50 });
      await assert.rejects(newWorkspace(hub, { labels: { zone: 'b' } }), {
        code: 'NO_WORKER_AVAILABLE',
        message: 'no workers available to handle request',
        hint: 'no live worker has the labels zone=b: start one that has them, or ask for others',
      });
      const fitting = await bench.worker({ slots: 1, labels: { zone: 'b' } });
      assert.equal((await newWorkspace(hub, { labels: { zone: 'b' } })).worker, fitting.id);
      await assert.rejects(newWorkspace(hub, { labels: { zone: 'b' } }), hasCode('CAPACITY_EXCEEDED'));
    }),
  );

  it(
    'that the operator requires cannot be asked away',
    withBench(async bench => {
      const hub = await bench.hub({ config: { placement: { required_labels: { tenant: 'x' } } } });
      await bench.worker({ labels: { tenant: 'y' } });
      const fitting = await bench.worker({ labels: { tenant: 'x' } });
      assert.equal((await newWorkspace(hub, { labels: { tenant: 'y' } })).worker, fitting.id);
    }),
  );
});
