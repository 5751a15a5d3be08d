import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCgroups } from './cgroup.ts';

test('workers that come and go keep no other from making groups', async t => {
  const first = await openCgroups();
  if (first === undefined) return t.skip('this user may not make control groups');
  await first.close();
  const comeAndGo = async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      const groups = await openCgroups();
      assert.ok(groups);
      await groups.close();
    }
  };
  await Promise.all(Array.from({ length: 12 }, comeAndGo));
});
