import { z } from 'zod';

const text = z.string();
const int = z.int();
const status = z.string();
const metadata = z.looseObject({}).optional();

/** A failure passes as well: it has `status` and its own fields. */
export const startedOutput = z.looseObject({
  status,
  task_id: text.optional(),
  agent_run_id: int.optional(),
  state: text.optional(),
  web_url: text.nullish(),
  metadata,
});

export const taskOutput = z.looseObject({
  status,
  task_id: text.nullish(),
  agent_run_id: int.nullish(),
  state: text.optional(),
  result: text.nullish(),
  error: text.nullish(),
  web_url: text.nullish(),
  metadata,
});

export const pageOutput = z.looseObject({
  status,
  items: z.array(z.looseObject({})).optional(),
  total: int.optional(),
  pages: int.optional(),
  complete: z.boolean().optional(),
});

export const logsOutput = z.looseObject({
  status,
  logs: z.array(z.looseObject({})).optional(),
  total_logs: int.nullish(),
  pages: int.nullish(),
});

export const configOutput = z.looseObject({
  status,
  key: text.optional(),
  value: text.optional(),
  message: text.optional(),
});
