import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { claudeLines, says, testPlace } from './transcripts-for-tests.ts';

test('an index whose process is killed at any moment is whole and goes on', async () => {
  await using place = await testPlace();
  const sessions = Array.from({ length: 60 }, () => claudeLines());
  for (const session of sessions) {
    for (let at = 0; at < 40; at++) {
      session.user(`prompt ${at} ${'words '.repeat(20)}`);
      session.assistant(says(`answer ${at}`));
    }
    await place.claude(session);
  }
  const script = `
    const { openHistory } = await import(${JSON.stringify(new URL('./history.ts', import.meta.url).href)});
    process.stdout.write('.');
    const history = await openHistory(${JSON.stringify({ path: place.index, roots: place.roots })});
    await history.caughtUp;
    setInterval(() => {}, 1000);`;
  for (const waitMs of [0, 60, 120, 200, 350]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    // Where it is then is the machine's affair: any place must do.
    setTimeout(() => child.kill('SIGKILL'), waitMs);
    await once(child, 'exit');
  }
  await using history = await place.open();
  const status = await history.status();
  assert.deepEqual([status.sessions, status.messages, status.badLines], [60, 60 * 80, 0]);
  const { results } = await history.search({ query: '"answer 39"', limit: 100 });
  assert.equal(results.length, 60);
  assert.ok(
    results.every(({ matches }) => matches === 1),
    'nothing was indexed twice',
  );
  assert.equal((await history.usage({})).totalInputTokens, 60 * 40 * 10);
});
