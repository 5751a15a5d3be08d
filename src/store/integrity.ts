import { sql } from 'kysely';
import type { z } from 'zod';
import { artifactColumns, artifactSchema } from './work/artifacts.ts';
import { checkpointColumns, checkpointSchema } from './work/checkpoints.ts';
import type { Database } from './database.ts';
import { createRowsReader } from './rows-reader.ts';
import { taskColumns, taskSchema } from './work/tasks.ts';
import { workspaceColumns, workspaceSchema } from './placement/workspaces.ts';

const PAGE = 500;

/** Rows that cannot be read, and streams whose last event lies behind the position that was acknowledged; a line each. */
export async function checkRows(db: Database): Promise<string[]> {
  const problems: string[] = [];
  for (const { table, columns, schema } of numbered) {
    for await (const row of walk(db, table, columns)) {
      const problem = createRowsReader(db, { table, schema }).problemOf(row);
      if (problem !== undefined) problems.push(problem);
    }
  }
  return [...problems, ...(await checkStreams(db))];
}

type Numbered = 'workspace' | 'task' | 'checkpoint' | 'artifact';

const numbered: readonly { table: Numbered; columns: readonly string[]; schema: z.ZodType }[] = [
  { table: 'workspace', columns: workspaceColumns, schema: workspaceSchema },
  { table: 'task', columns: taskColumns, schema: taskSchema },
  { table: 'checkpoint', columns: checkpointColumns, schema: checkpointSchema },
  { table: 'artifact', columns: artifactColumns, schema: artifactSchema },
];

/** All rows of a table, in pages by ordinal. */
async function* walk(db: Database, table: Numbered, columns: readonly string[]): AsyncIterable<object> {
  let after = Number.MIN_SAFE_INTEGER;
  while (true) {
    const page = await db.kysely
      .selectFrom(table)
      .select('ordinal')
      .select(columns.map(aliased))
      .where('ordinal', '>', after)
      .orderBy('ordinal')
      .limit(PAGE)
      .execute();
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    after = last.ordinal;
  }
}

/** `a as b`, or `a`, as a selection. */
const aliased = (column: string) => {
  const [name = column, alias = name] = column.split(' as ');
  return sql.ref(name).as(alias);
};

async function checkStreams(db: Database): Promise<string[]> {
  const { rows } = await sql<{ stream: string }>`
    select event.stream as stream from event left join stream on stream.stream = event.stream
    group by event.stream, stream.last_seq
    having stream.last_seq is null or max(event.seq) <> stream.last_seq or max(event.seq) - min(event.seq) + 1 <> count(*)
  `.execute(db.kysely);
  return rows.map(({ stream }) => `table event: stream ${stream} has a gap or an end that was not acknowledged`);
}
