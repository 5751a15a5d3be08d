import type { Operation } from '../../operations/operation.ts';
import { workerDrain, workerList, workerRemove, workerUndrain } from '../../operations/workers/workers.ts';
import { queryArguments, readArguments } from '../request.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';

/** What an operator does with workers. */
export function addWorkerRoutes(api: Api, parts: ApiParts): void {
  const answer = async (context: ApiContext, operation: Operation, args: Record<string, unknown>) =>
    context.json((await run(parts, operation, { context, args })).output);
  const workerOf = (context: ApiContext) => ({ worker_id: context.req.param('id') });

  api.get('/api/workers', context => answer(context, workerList, queryArguments(context.req.raw, workerList)));
  for (const [path, operation] of [
    ['/api/workers/:id/drain', workerDrain],
    ['/api/workers/:id/undrain', workerUndrain],
  ] as const) {
    api.post(path, async context => {
      const body = await readArguments(context.req.raw, parts.maxBodyBytes);
      return answer(context, operation, { ...body, ...workerOf(context) });
    });
  }
  api.delete('/api/workers/:id', context =>
    answer(context, workerRemove, { ...queryArguments(context.req.raw, workerRemove), ...workerOf(context) }),
  );
}
