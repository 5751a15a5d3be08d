import { z } from 'zod';

const started = z.looseObject({
  agent_run_id: z.number().nullable(),
  state: z.string(),
  web_url: z.string().nullable(),
  task_id: z.string(),
  warnings: z.array(z.string()).default([]),
});

/** What the command line says of a run that was started or resumed. */
export const startedText =
  (verb: 'started' | 'resumed') =>
  (output: Record<string, unknown>): string => {
    const { agent_run_id, state, web_url, task_id, warnings } = started.parse(output);
    return [
      `Agent run ${verb} with ID: ${agent_run_id}`,
      `Status: ${state}`,
      `Web URL: ${web_url ?? '-'}`,
      `Task: ${task_id}`,
      ...warnings.map(warning => `Warning: ${warning}`),
    ].join('\n');
  };

const task = z.looseObject({
  task_id: z.string().nullable(),
  agent_run_id: z.number().nullable(),
  state: z.string(),
  web_url: z.string().nullable(),
  result: z.string().nullable(),
  error: z.string().nullable(),
});

export function taskText(output: Record<string, unknown>): string {
  const { task_id, agent_run_id, state, web_url, result, error } = task.parse(output);
  return [
    `Agent run: ${agent_run_id ?? '-'}`,
    `Status: ${state}`,
    `Web URL: ${web_url ?? '-'}`,
    `Task: ${task_id ?? '-'}`,
    ...(result === null ? [] : ['Result:', result]),
    ...(error === null ? [] : ['Error:', error]),
  ].join('\n');
}

const page = z.looseObject({
  total: z.number(),
  items: z.array(
    z.looseObject({
      id: z.number(),
      status: z.string().nullable(),
      created_at: z.string().nullable(),
      web_url: z.string().nullable(),
      metadata: z.looseObject({ repo: z.unknown().optional(), task_type: z.unknown().optional() }),
    }),
  ),
});

export function pageText(output: Record<string, unknown>): string {
  const { items } = page.parse(output);
  const blocks = items.map(({ id, status, created_at, web_url, metadata }) =>
    [
      `ID: ${id}`,
      `Status: ${status ?? '-'}`,
      `Created: ${created_at ?? '-'}`,
      `Web URL: ${web_url ?? '-'}`,
      `Repository: ${metadata.repo ?? '-'}`,
      `Task: ${metadata.task_type ?? '-'}`,
    ].join('\n'),
  );
  return [`Found ${items.length} agent runs:`, ...blocks].join('\n\n');
}

const logs = z.looseObject({ logs: z.array(z.looseObject({})) });

export const logsText = (output: Record<string, unknown>, args: Record<string, unknown>): string =>
  `Logs for agent run ${args.agent_run_id}:\n${JSON.stringify(logs.parse(output).logs, null, 2)}`;
