import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Fabric } from './fabric.ts';
import { fabricContract } from './fabric-contract.ts';
import { createInProcessBus } from './in-process.ts';

fabricContract('in process', async () => {
  const bus = createInProcessBus({ onError: () => {} });
  const open: Fabric[] = [];
  return {
    connect: async identity => {
      const fabric = bus.connect(identity);
      open.push(fabric);
      return fabric;
    },
    close: async () => {
      await Promise.all(open.map(fabric => fabric.close()));
    },
  };
});

it('tells what a handler and a listener threw', async () => {
  const errors: unknown[] = [];
  const bus = createInProcessBus({ onError: error => errors.push(error) });
  const [hub, worker] = [bus.connect({ hub: 'h1' }), bus.connect({ worker: 'w1' })];
  await worker.serve({ worker: 'w1' }, async () => {
    throw new Error('handler');
  });
  await hub.subscribe('t.w1.x', () => {
    throw new Error('listener');
  });
  worker.publish('t.w1.x', new Uint8Array());
  await assert.rejects(hub.request({ worker: 'w1' }, new Uint8Array(), { timeoutMs: 1 }));
  assert.deepEqual(errors.map(String).sort(), ['Error: handler', 'Error: listener']);
});
