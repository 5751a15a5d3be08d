import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claudeLines, testPlace } from './transcripts-for-tests.ts';

test('a directory has its slug before anything is written there, and keeps it', async () => {
  await using place = await testPlace();
  await using history = await place.open();
  const first = await history.slugOf('/x/my-app');
  const second = await history.slugOf('/x/my/app');
  assert.equal(first, '-x-my-app');
  assert.match(second, /^-x-my-app~[0-9a-f]{6}$/);
  assert.equal(await history.slugOf('/x/my-app'), first);
  const session = claudeLines({ cwd: '/x/my/app' });
  session.user('hello');
  await place.claude(session, { cwd: '/x/my/app' });
  await history.refresh();
  assert.equal((await history.sessions({ limit: 1 })).sessions[0]?.projectSlug, second);
  assert.deepEqual(await history.memory({ slug: first, include: 'memory' }), []);
});
