import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { pollingReader, streamingReader } from '../support/event-readers.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { PATIENCE_MS, sessionClient } from '../support/session-client.ts';

describe('readers of one session', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let project: string;
  const url = () => server.url;
  const client = sessionClient(url);
  const start = () =>
    startServer({
      directory: join(scratch.path, 'data'),
      env: { BOXSWAIN_SESSIONS_ROOTS: project, HOME: join(scratch.path, 'home') },
    });
  before(async () => {
    scratch = await scratchDirectory();
    project = join(scratch.path, 'project');
    for (const folder of [project, join(scratch.path, 'home')]) await mkdir(folder);
    server = await start();
  });
  after(async () => {
    await server.stop();
    await scratch.remove();
  });

  test('two that poll and two that stream each see every event once, when they come back with their cursors, and over kill -9 of the hub', async () => {
    const { sessionId, cursor } = await client.create({ cwd: project, agent: 'scripted' });
    const read = { url, sessionId, after: cursor };
    const readers = [pollingReader(read), pollingReader(read), streamingReader(read), streamingReader(read)];
    try {
      const first = await client.send(sessionId, '#slow 1000 20');
      const haveRead = (count: number) =>
        eventually(() => readers.every(({ seen }) => seen.length > count), PATIENCE_MS);
      // Once by themselves while the hub is there, once because it is not.
      await haveRead(20);
      for (const reader of readers) reader.hangUp();
      await haveRead(50);
      await server.kill();
      server = await start();
      const ended = async (turnId: string) =>
        eventually(async () => (await client.ends(sessionId, cursor)).some(end => end.turnId === turnId), PATIENCE_MS);
      await ended(first.turnId);
      const second = await client.send(sessionId, '#say after the crash');
      await ended(second.turnId);
      await client.until(sessionId, 'idle');
      const all = await client.events(sessionId, cursor);
      const last = all.at(-1)?.seq ?? assert.fail('nothing happened');
      await eventually(() => readers.every(({ seen }) => (seen.at(-1)?.seq ?? 0) >= last), PATIENCE_MS);
      const expected = Array.from({ length: last }, (_, at) => at + 1);
      for (const { seen, breaks } of readers) {
        assert.deepEqual(seen.map(({ seq }) => seq).slice(0, last), expected);
        assert.ok(breaks > 1, 'its connection broke');
      }
      assert.deepEqual(
        all.map(({ seq }) => seq),
        expected,
        'and so does whoever reads from the beginning afterwards',
      );
    } finally {
      await Promise.all(readers.map(reader => reader.stop()));
    }
  });
});
