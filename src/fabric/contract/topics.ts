import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fabric, NobodyThere, NotPermitted } from '../fabric.ts';
import { bytes, long, text, type WithFabric } from './support.ts';

export function topicContract(name: string, withFabric: WithFabric): void {
  describe(`${name}: topics`, () => {
    it(
      'reach every subscriber in order, and nobody who left',
      withFabric(async (hub, worker, all) => {
        const second = await all.connect({ hub: 'h2' });
        const heard: Record<string, string[]> = { first: [], second: [], gone: [] };
        const done = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const listen = (fabric: Fabric, name: string, end?: { resolve(): void }) =>
          fabric.subscribe('t.w1.task:1', body => {
            heard[name]?.push(text(body));
            if (text(body) === '9') end?.resolve();
          });
        await listen(hub, 'first', done[0]);
        await listen(second, 'second', done[1]);
        const leave = await listen(hub, 'gone');
        await leave();
        worker.publish('t.w1.task:2', bytes('other topic'));
        for (let i = 0; i < 10; i += 1) worker.publish('t.w1.task:1', bytes(String(i)));
        await Promise.all(done.map(one => one.promise));
        const all10 = Array.from({ length: 10 }, (_, i) => String(i));
        assert.deepEqual(heard, { first: all10, second: all10, gone: [] });
      }),
    );

    it(
      'keep to their worker, whatever its name holds',
      withFabric(async (hub, worker, all) => {
        const dotted = await all.connect({ worker: 'w1.b' });
        const heard = Promise.withResolvers<string>();
        await hub.subscribe('t.w1.b.x', body => heard.resolve(text(body)));
        assert.throws(() => worker.publish('t.w1.b.x', bytes('not mine')), NotPermitted);
        dotted.publish('t.w1.b.x', bytes('mine'));
        assert.equal(await heard.promise, 'mine');
      }),
    );

    it(
      'are lost when nobody listens',
      withFabric(async (hub, worker) => {
        worker.publish('t.w1.x', bytes('early'));
        // Comes back after the publication has gone its way.
        await assert.rejects(worker.request({ hub: 'any' }, bytes('x'), { timeoutMs: long }), NobodyThere);
        const heard = Promise.withResolvers<string>();
        await hub.subscribe('t.w1.x', body => heard.resolve(text(body)));
        worker.publish('t.w1.x', bytes('late'));
        assert.equal(await heard.promise, 'late');
      }),
    );
  });
}
