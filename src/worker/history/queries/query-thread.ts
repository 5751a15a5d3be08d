/** Answers questions about the history in a thread of its own, so that the worker's event loop never waits for a query. */
import { parentPort, workerData } from 'node:worker_threads';
import { AppError } from '../../../errors/app-error.ts';
import { openForReading } from '../index/open-index.ts';
import { type QueryAnswer, type QueryRequest, threadDataSchema } from '../threads.ts';
import { Queries } from './queries.ts';

const { path, roots } = threadDataSchema.parse(workerData);
const send = (answer: QueryAnswer): void => parentPort?.postMessage(answer);
let queries: Queries | undefined;

parentPort?.on('message', ({ id, method, argument }: QueryRequest) => {
  try {
    if (method === 'close') {
      queries?.close();
      parentPort?.close();
      return;
    }
    queries ??= new Queries(openForReading(path), roots);
    send({ id, result: queries.answer(method, argument) });
  } catch (error) {
    const known = error instanceof AppError ? { code: error.code, message: error.message } : undefined;
    send({
      id,
      error: known ?? { code: 'INTERNAL_ERROR', message: error instanceof Error ? error.message : String(error) },
    });
  }
});
