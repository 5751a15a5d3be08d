import { AppError } from '../../errors/app-error.ts';
import type { Operation } from '../../operations/operation.ts';
import { operatorOperations } from '../../operations/registry.ts';
import { isPending } from '../../operations/sandbox/run-job.ts';
import { queryArguments, readArguments } from '../request.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';

/** The resources that are operations under another spelling. */
export function addOperationRoutes(api: Api, parts: ApiParts): void {
  const find = finderOf(parts);
  const answer = async (context: ApiContext, operation: Operation, args: Record<string, unknown>) => {
    const { output } = await run(parts, operation, { context, args });
    return context.json(output, statusOf(operation, output));
  };
  const read = (path: string, name: string, handle: (context: ApiContext) => Record<string, unknown> = () => ({})) =>
    api.get(path, context => {
      const operation = find(name);
      return answer(context, operation, { ...queryArguments(context.req.raw, operation), ...handle(context) });
    });

  read('/api/workspaces', 'workspace_list');
  api.post('/api/workspaces', async context => {
    const args = await readArguments(context.req.raw, parts.maxBodyBytes);
    const { output } = await run(parts, find('workspace_create'), { context, args });
    return context.json(output, 201, { location: `/api/workspaces/${output.workspace_id}` });
  });
  read('/api/workspaces/:id', 'workspace_get', workspaceOf);
  api.delete('/api/workspaces/:id', context => {
    const operation = find('workspace_delete');
    return answer(context, operation, { ...queryArguments(context.req.raw, operation), ...workspaceOf(context) });
  });
  read('/api/tasks', 'task_list');
  read('/api/tasks/:id', 'task_get_status', taskOf);
  api.delete('/api/tasks/:id', context => {
    const operation = find('task_cancel');
    return answer(context, operation, { ...queryArguments(context.req.raw, operation), ...taskOf(context) });
  });
}

const workspaceOf = (context: ApiContext) => ({ workspace_id: context.req.param('id') });
const taskOf = (context: ApiContext) => ({ task_id: context.req.param('id') });

/** Work that goes on is accepted, where what is asked for may be that. */
export const statusOf = (operation: Operation, output: Record<string, unknown>): 200 | 202 =>
  !operation.always && isPending(output) ? 202 : 200;

/** Finds what this server serves, by name or alias. Throws NOT_FOUND. */
export function finderOf({ operations }: Pick<ApiParts, 'operations'>): (name: string) => Operation {
  const served = [...operations, ...operatorOperations];
  const named = new Map(served.flatMap(one => [one.name, ...one.aliases].map(name => [name, one] as const)));
  return name => {
    const operation = named.get(name);
    if (operation) return operation;
    throw new AppError('NOT_FOUND', `no operation is named ${name.slice(0, 64)}`, {
      hint: `the operations are: ${operations.map(({ name }) => name).join(', ')}`,
    });
  };
}
