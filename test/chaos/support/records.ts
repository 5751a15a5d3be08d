import pg from 'pg';
import { z } from 'zod';
import type { Told } from './load.ts';

const workspaceRows = z.array(z.object({ id: z.string(), epoch: z.coerce.number() }));
const taskRows = z.array(z.object({ id: z.string(), status: z.string(), result: z.string().nullable() }));
const resultSchema = z.object({ output: z.record(z.string(), z.json()) });
const texts = z.array(z.object({ text: z.string() }));

/** Each finds nothing, whatever happened; a row is a fault, and says which. */
const invariants: Readonly<Record<string, string>> = {
  'a gap or a duplicate in a stream': `
    select stream || ' has ' || count(*) || ' events, ' || min(seq) || ' to ' || max(seq) as text
    from event group by stream having min(seq) <> 1 or max(seq) <> count(*)`,
  'a stream that forgot its end': `
    select s.stream || ' ends at ' || s.last_seq || ', its events at ' || max(e.seq) as text
    from stream s join event e on e.stream = s.stream group by s.stream, s.last_seq having max(e.seq) <> s.last_seq`,
  'an epoch that went back in a stream': `
    select stream || ' ' || seq as text
    from (select stream, seq, epoch, lag(epoch) over (partition by stream order by seq) as before from event) as e
    where epoch < before`,
  'a task that started or ended twice': `
    select stream || ' ' || type || ' ' || count(*) as text from event
    where type in ('task.queued', 'task.started', 'task.ended') and stream like 'task:%'
    group by stream, type having count(*) > 1`,
  'a task that ended, and whose end nobody hears of': `
    select t.id || ' ' || t.status as text from task t
    where t.completed_at < (extract(epoch from clock_timestamp()) - 5) * 1000
    and exists (select 1 from event q where q.stream = 'task:' || t.id)
    and not exists (select 1 from event e where e.stream = 'task:' || t.id and e.type = 'task.ended')`,
  // One that failed was refused before it ran, and its caller told to come again.
  'two tasks of one key': `
    select i.key || ' ' || count(distinct t.id) as text from idempotency i
    join (select id, substring(job from 'chaos-([a-z0-9-]+)"') as key from task where status <> 'failed') t on t.key = i.key
    where i.operation = 'run_command' group by i.key having count(distinct t.id) > 1`,
  'two places in the line of a workspace that are one': `
    select workspace_id || ' ' || sequence || ' ' || count(*) as text from task
    where sequence is not null and operation = 'run_command' and status = 'completed'
    group by workspace_id, sequence having count(*) > 1`,
};

/** Looks past the program, into the records themselves. */
export class Records {
  readonly #url: string;
  readonly #epochs = new Map<string, number>();

  constructor(url: string) {
    this.#url = url;
  }

  /** What is wrong, a line each. */
  async faults(told: Iterable<Told>): Promise<string[]> {
    // As it was told before the records are read.
    const known = [...told].map(one => ({ ...one }));
    const client = new pg.Client({ connectionString: this.#url });
    await client.connect();
    try {
      const found: string[] = [];
      for (const [what, query] of Object.entries(invariants)) {
        for (const { text } of texts.parse((await client.query(query)).rows)) found.push(`${what}: ${text}`);
      }
      return [...found, ...(await this.#epochFaults(client)), ...(await taskFaults(client, known))];
    } finally {
      await client.end();
    }
  }

  /** What is recorded of the tasks of a mark, for whoever looks for the cause of a fault. */
  async historyOf(mark: string): Promise<string[]> {
    const client = new pg.Client({ connectionString: this.#url });
    await client.connect();
    try {
      const { rows } = await client.query(
        `select t.id || ' ' || t.status || ' at ' || coalesce(t.worker, '-') || ' epoch ' || coalesce(t.epoch, 0) ||
          ' attempts ' || t.attempts || ': ' || e.type || ' ' || to_timestamp(e.time / 1000.0) at time zone 'utc' as text
        from task t join event e on e.stream = 'task:' || t.id where t.job like '%' || $1 || '"%' order by t.id, e.seq`,
        [mark],
      );
      return texts.parse(rows).map(({ text }) => text);
    } finally {
      await client.end();
    }
  }

  async #epochFaults(client: pg.Client): Promise<string[]> {
    const rows = workspaceRows.parse((await client.query('select id, epoch from workspace')).rows);
    return rows.flatMap(({ id, epoch }) => {
      const before = this.#epochs.get(id) ?? 0;
      this.#epochs.set(id, epoch);
      return epoch < before ? [`the epoch of ${id} went from ${before} to ${epoch}`] : [];
    });
  }
}

/** Every task that a caller was told of is there, and what it was told is so still. */
async function taskFaults(client: pg.Client, told: readonly Told[]): Promise<string[]> {
  const rows = taskRows.parse((await client.query('select id, status, result from task')).rows);
  const byId = new Map(rows.map(row => [row.id, row]));
  return told.flatMap(({ task, key, result, failure }) => {
    const row = byId.get(task);
    if (row === undefined) return [`the accepted task ${key} is lost`];
    if (result === undefined) return failure && row.status === 'completed' ? [`${key} failed and is completed`] : [];
    return row.result !== null && isTold(resultSchema.parse(JSON.parse(row.result)).output, result)
      ? []
      : [`the result of ${key} was ${result} and is ${row.result}`];
  });
}

/** Callers are told some more, such as the id of the task; nothing less, and nothing else. */
function isTold(stored: Record<string, unknown>, told: string): boolean {
  const said: Record<string, unknown> = Object(JSON.parse(told));
  return Object.entries(stored).every(([name, value]) => JSON.stringify(said[name]) === JSON.stringify(value));
}
