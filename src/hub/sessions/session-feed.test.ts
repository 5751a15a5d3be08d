import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { alice, callOf, withBench } from '../../../test/support/hub-under-test.ts';
import { type Puppet, puppetDriver } from '../../../test/support/puppet-agent.ts';

/** By then whoever waits for events has looked whether there are any. */
const LOOKED_MS = 50;

describe('whoever follows all sessions', () => {
  it(
    'is handed what was just told, as it would be read, without another look at the records',
    withBench(async bench => {
      const puppets: Puppet[] = [];
      const hub = await bench.hub({ timing: { lookMs: 60_000 } });
      await bench.worker({ driver: puppetDriver(puppets) });
      await hub.sessions.desk.create({ agent: 'puppet', cwd: '/', permissionMode: 'default' }, callOf());
      await delay(LOOKED_MS);
      const { feed } = hub.sessions;
      const begin = { seq: 0, offset: 0 };
      const { position: after } = await feed.read(alice.id, { after: begin, limit: 100, waitMs: 0 });
      const followed = feed.read(alice.id, { after, limit: 100, waitMs: 10_000 });
      await delay(LOOKED_MS);
      const looks = [mock.method(bench.store.events, 'read'), mock.method(bench.store.events, 'readRanges')];
      puppets[0]?.host?.emit({ kind: 'title', title: 'a title' });
      const page = await followed;
      assert.deepEqual(
        looks.map(({ mock }) => mock.callCount()),
        [0, 0],
      );
      assert.deepEqual(
        page.events.map(({ event }) => event.type),
        ['session.updated'],
      );
      assert.deepEqual(await feed.read(alice.id, { after, limit: 100, waitMs: 0 }), page);
    }),
  );
});
