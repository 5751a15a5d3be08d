import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createSqliteStore } from '../src/store/sqlite.ts';
import { scratchDirectory } from '../test/support/server.ts';
import { type Bench, measurement } from './support/measure.ts';
import { median } from './support/statistics.ts';

const BATCH = 100;
const BATCHES = 100;
const ROUNDS = 5;
const body = { text: 'x'.repeat(900) };

/** Rows per second appended through the store, against bare better-sqlite3 inserting the same rows in the same batches. */
export const events: Bench = {
  name: 'events',
  run: async () => {
    const scratch = await scratchDirectory();
    const samples: { store: number[]; bare: number[] } = { store: [], bare: [] };
    for (let round = 0; round < ROUNDS; round++) {
      samples.bare.push(insertBare(join(scratch.path, `bare-${round}.db`)));
      samples.store.push(await appendThroughStore(join(scratch.path, `store-${round}.db`)));
    }
    await scratch.remove();
    return [
      measurement({
        name: 'event append, embedded, batches of 100',
        unit: 'rows/s',
        baseline: 'bare better-sqlite3',
        value: median(samples.store),
        baselineValue: median(samples.bare),
        budget: { atLeast: 0.7 },
      }),
    ];
  },
};

function insertBare(path: string): number {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.exec(
    'create table event (stream text, seq integer, epoch integer, type text, body text, time integer, primary key (stream, seq))',
  );
  const insert = db.prepare('insert into event values (?, ?, ?, ?, ?, ?)');
  const insertBatch = db.transaction((first: number) => {
    for (let i = 0; i < BATCH; i++)
      insert.run('workspace:bench', first + i, 1, 'note', JSON.stringify(body), Date.now());
  });
  const start = performance.now();
  for (let batch = 0; batch < BATCHES; batch++) insertBatch.immediate(1 + batch * BATCH);
  const seconds = (performance.now() - start) / 1000;
  db.close();
  return (BATCH * BATCHES) / seconds;
}

async function appendThroughStore(path: string): Promise<number> {
  const store = await createSqliteStore({ path });
  const rows = Array.from({ length: BATCH }, () => ({ type: 'note', body }));
  const start = performance.now();
  for (let batch = 0; batch < BATCHES; batch++) {
    await store.events.append({ stream: 'workspace:bench', epoch: 1, first: 1 + batch * BATCH, events: rows });
  }
  const seconds = (performance.now() - start) / 1000;
  await store.close();
  return (BATCH * BATCHES) / seconds;
}
