/** Runs in a thread of its own: reads transcripts and writes the index, so that the worker's event loop never waits for either. */
import { parentPort, workerData } from 'node:worker_threads';
import { threadDataSchema, type IndexRequest, type IndexReport } from '../threads.ts';
import { Keeper } from './keeper.ts';
import { openIndex } from './open-index.ts';

const { path, roots, maxWatches, sweepMs, retentionDays } = threadDataSchema.parse(workerData);
const report = (message: IndexReport): void => parentPort?.postMessage(message);

const database = openIndex(path);
const keeper = new Keeper(database, {
  roots,
  maxWatches,
  sweepMs,
  retentionDays,
  now: () => Date.now(),
  onCaughtUp: () => report({ type: 'caught-up' }),
  onWritten: written => report({ type: 'written', written: [...written] }),
  onError: error => report({ type: 'error', message: error instanceof Error ? error.message : String(error) }),
});

parentPort?.on('message', (request: IndexRequest) => {
  void answer(request);
});
report({ type: 'open' });
keeper.start();

async function answer(request: IndexRequest): Promise<void> {
  if (request.type === 'refresh') {
    await keeper.refresh();
    report({ type: 'refreshed', id: request.id });
    return;
  }
  if (request.type === 'project') {
    keeper.project(request.path);
    report({ type: 'refreshed', id: request.id });
    return;
  }
  await keeper.close();
  database.close();
  parentPort?.close();
}
