import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fabric, MAX_MESSAGE_BYTES } from '../fabric.ts';
import { bytes, echo, long, silent, type WithFabric } from './support.ts';

export function gatherContract(name: string, withFabric: WithFabric): void {
  describe(`${name}: gather`, () => {
    const gathered = async (hub: Fabric, options: { deadlineMs: number; expect?: string[] }) => {
      const from: string[] = [];
      for await (const answer of hub.gather({ workers: 'all' }, bytes('?'), options)) from.push(answer.from);
      return from.sort();
    };

    it(
      'ends as soon as everyone expected has answered',
      withFabric(async (hub, worker, all) => {
        const second = await all.connect({ worker: 'w2' });
        await worker.serve({ workers: 'all' }, echo);
        await second.serve({ workers: 'all' }, echo);
        assert.deepEqual(await gathered(hub, { deadlineMs: long, expect: ['w1', 'w2'] }), ['w1', 'w2']);
      }),
    );

    it(
      'ends at the deadline without those that are silent or missing',
      withFabric(async (hub, worker, all) => {
        const second = await all.connect({ worker: 'w2' });
        await worker.serve({ workers: 'all' }, echo);
        await second.serve({ workers: 'all' }, silent);
        assert.deepEqual(await gathered(hub, { deadlineMs: 30, expect: ['w1', 'w2', 'w3'] }), ['w1']);
        assert.deepEqual(await gathered(hub, { deadlineMs: 30 }), ['w1']);
      }),
    );

    it(
      'answers nothing where nobody serves',
      withFabric(async hub => {
        assert.deepEqual(await gathered(hub, { deadlineMs: 30 }), []);
      }),
    );

    it(
      'passes by one whose answer is too large',
      withFabric(async (hub, worker, all) => {
        const second = await all.connect({ worker: 'w2' });
        await worker.serve({ workers: 'all' }, async () => new Uint8Array(MAX_MESSAGE_BYTES + 1));
        await second.serve({ workers: 'all' }, echo);
        assert.deepEqual(await gathered(hub, { deadlineMs: long, expect: ['w2'] }), ['w2']);
      }),
    );

    it(
      'ends when its fabric is closed',
      withFabric(async (hub, worker) => {
        const asked = Promise.withResolvers<void>();
        await worker.serve({ workers: 'all' }, () => {
          asked.resolve();
          return silent();
        });
        const all = gathered(hub, { deadlineMs: long });
        await asked.promise;
        await hub.close();
        assert.deepEqual(await all, []);
      }),
    );

    it(
      'may be left early',
      withFabric(async (hub, worker) => {
        await worker.serve({ workers: 'all' }, echo);
        for await (const answer of hub.gather({ workers: 'all' }, bytes('?'), { deadlineMs: long })) {
          assert.equal(answer.from, 'w1');
          break;
        }
      }),
    );
  });
}
