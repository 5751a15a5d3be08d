import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from '../test/support/server.ts';
import { processNameOf } from './ids/process-name.ts';
import { announce, giveUpTheDead } from './presence.ts';
import { createSqliteStore } from './store/sqlite.ts';

const call = { caller: 'alice', operation: 'workspace_create', key: 'k', argsHash: 'h' };
const worker = { site: 's', slots: 1, labels: {}, capabilities: {}, isDraining: false };

test('what a dead process held is given up at once; what a living one holds is not', async () => {
  const scratch = await scratchDirectory();
  const notes = join(scratch.path, 'workers');
  const store = await createSqliteStore({ path: join(scratch.path, 'records.db') });
  const other = spawn('sleep', ['600'], { stdio: 'ignore' });
  const exited = once(other, 'exit');
  try {
    const withdraw = await announce(notes, { hub: 'mine', worker: 'wk_mine' });
    assert.ok(withdraw);
    const note = { worker: 'wk_theirs', hub: 'theirs', process: await processNameOf(other.pid ?? 0) };
    await writeFile(join(notes, 'wk_theirs.json'), JSON.stringify(note));
    for (const hub of ['mine', 'theirs']) {
      await store.hubs.beat(hub, 600);
      await store.workers.join({ id: `wk_${hub}`, boot: 'b', ...worker }, 600);
    }
    const first = await store.idempotency.begin({ ...call, owner: 'theirs' });
    assert.deepEqual(await giveUpTheDead(notes, store), []);
    assert.deepEqual(await store.idempotency.begin({ ...call, owner: 'mine' }), { state: 'pending' });

    other.kill('SIGKILL');
    await exited;
    assert.deepEqual(await giveUpTheDead(notes, store), ['wk_theirs']);
    assert.deepEqual(await store.idempotency.begin({ ...call, owner: 'mine' }), first);
    assert.deepEqual(await store.idempotency.begin({ ...call, owner: 'late' }), { state: 'pending' });
    assert.deepEqual(await readdir(notes), ['wk_mine.json']);

    assert.equal(await announce(notes, { hub: 'second', worker: 'wk_mine' }), undefined);
    await withdraw();
    assert.deepEqual(await readdir(notes), []);
  } finally {
    other.kill('SIGKILL');
    await store.close();
    await scratch.remove();
  }
});

test('a torn note, and one that names no hub, are cleared away', async () => {
  const scratch = await scratchDirectory();
  const store = await createSqliteStore({ path: join(scratch.path, 'records.db') });
  try {
    const process = { pid: 1, startTime: 'long ago' };
    await store.workers.join({ id: 'wk_old', boot: 'b', ...worker }, 600);
    await writeFile(join(scratch.path, 'wk_old.json'), JSON.stringify({ worker: 'wk_old', process }));
    await writeFile(join(scratch.path, 'wk_torn.json'), '{"worker":');
    assert.deepEqual(await giveUpTheDead(scratch.path, store), ['wk_old']);
    assert.deepEqual(
      (await readdir(scratch.path)).filter(name => name.endsWith('.json')),
      [],
    );
  } finally {
    await store.close();
    await scratch.remove();
  }
});
