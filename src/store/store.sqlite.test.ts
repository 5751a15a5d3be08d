import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import BetterSqlite from 'better-sqlite3';
import type { Use } from './contract/support.ts';
import { createSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';
import { storeContract } from './store-contract.ts';

async function useFile(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  try {
    await test(join(directory, 'data', 'records.db'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const use: Use = test =>
  useFile(async path => {
    const badRows: string[] = [];
    const opened: Store[] = [];
    const open = async () => {
      const store = await createSqliteStore({ path, onBadRow: ({ table, id }) => badRows.push(`${table}/${id}`) });
      opened.push(store);
      return store;
    };
    const execute = async (statement: string) => {
      const raw = new BetterSqlite(path);
      raw.exec(statement);
      raw.close();
    };
    try {
      await test({ store: await open(), badRows, openAnother: open, execute });
    } finally {
      await Promise.all(opened.map(store => store.close()));
    }
  });

storeContract('SQLite', use);

/** A process that appends to its own stream, and prints each position once it is acknowledged. */
function startWriter(path: string, { stream, batches }: { stream: string; batches: number }) {
  const script = `
    const { createSqliteStore } = await import(${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)});
    const [path, stream, batches] = process.argv.slice(1);
    const store = await createSqliteStore({ path });
    const events = Array.from({ length: 10 }, () => ({ type: 'n', body: { text: 'x'.repeat(500) } }));
    for (let i = 0; i < Number(batches); i += 1) {
      const outcome = await store.events.append({ stream, epoch: 1, first: 'next', events });
      process.stdout.write(outcome.ack + '\\n');
      await store.audit.append([{ id: stream + i, caller: 'c', operation: 'o', handles: {}, outcome: 'ok', durationMs: 1, time: 1, details: {} }]);
      await new Promise(resolve => setImmediate(resolve));
    }
    await store.close();`;
  return spawn(process.execPath, ['--input-type=module', '-e', script, path, stream, String(batches)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('SQLite: several processes', () => {
  it('write to one file at the same time and lose nothing', () =>
    useFile(async path => {
      const streams = ['a', 'b', 'c'];
      const writers = streams.map(stream => startWriter(path, { stream, batches: 60 }));
      for (const writer of writers) writer.stdout.resume();
      const codes = await Promise.all(writers.map(async writer => (await once(writer, 'exit'))[0]));
      assert.deepEqual(codes, [0, 0, 0]);
      const store = await createSqliteStore({ path });
      assert.deepEqual(await Promise.all(streams.map(stream => store.events.lastSeq(stream))), [600, 600, 600]);
      assert.deepEqual(await store.audit.verify(), { records: 180, brokenAt: null });
      assert.deepEqual(await store.checkIntegrity(), []);
      await store.close();
    }));

  it('a writer killed at any moment leaves whole records and everything it had acknowledged', () =>
    useFile(async path => {
      for (const acknowledgements of [1, 7, 30]) {
        const stream = `s${acknowledgements}`;
        const writer = startWriter(path, { stream, batches: 100_000 });
        const exited = once(writer, 'exit');
        const acked: number[] = [];
        for await (const line of createInterface(writer.stdout)) {
          acked.push(Number(line));
          if (acked.length === acknowledgements) writer.kill('SIGKILL');
        }
        await exited;
        const store = await createSqliteStore({ path });
        assert.deepEqual(await store.checkIntegrity(), []);
        const last = await store.events.lastSeq(stream);
        assert.ok(last >= Math.max(...acked) && last % 10 === 0, `${last} after ${acked.at(-1)}`);
        assert.equal((await store.events.read(stream, 0, 1e6)).length, last);
        await store.close();
      }
    }));
});

describe('SQLite: the file', () => {
  it('keeps its records over a restart and is readable by its owner only', () =>
    useFile(async path => {
      const first = await createSqliteStore({ path, synchronous: 'full' });
      await first.events.append({ stream: 's', epoch: 1, first: 1, events: [{ type: 'n', body: {} }] });
      await first.close();
      const second = await createSqliteStore({ path });
      assert.equal(await second.events.lastSeq('s'), 1);
      await second.close();
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    }));

  it('is let go of when the store is closed, also when nobody had asked it anything', () =>
    useFile(async path => {
      const store = await createSqliteStore({ path });
      await store.close();
      await store.close();
      // What belongs to open connections goes with the last one.
      assert.deepEqual(await readdir(dirname(path)), ['records.db']);
    }));

  it('of a newer version, or of something else, is refused', () =>
    useFile(async path => {
      await (await createSqliteStore({ path })).close();
      const raw = new BetterSqlite(path);
      raw.exec(`insert into kysely_migration (name, timestamp) values ('9999-later', 'now')`);
      raw.close();
      await assert.rejects(createSqliteStore({ path }), /newer version/);
      await assert.rejects(createSqliteStore({ path: import.meta.filename }), /not a database/);
    }));

  it('reports damage to its pages', () =>
    useFile(async path => {
      const store = await createSqliteStore({ path });
      const raw = new BetterSqlite(path);
      raw.unsafeMode(true);
      raw.pragma('writable_schema = on');
      raw.exec(`insert into event (stream, seq, epoch, type, body, time) values ('s', 1, 1, 'n', '{}', 1)`);
      raw.exec(`delete from sqlite_schema where name = 'event_time'`);
      raw.close();
      const reopened = await createSqliteStore({ path });
      const problems = await reopened.checkIntegrity();
      assert.match(problems.join('\n'), /database file: /);
      assert.match(problems.join('\n'), /stream s has/);
      await Promise.all([store.close(), reopened.close()]);
    }));
});
