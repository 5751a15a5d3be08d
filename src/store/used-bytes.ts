import { sql } from 'kysely';
import type { Database, Tx } from './database.ts';
import { overLimit } from './quota.ts';

/** What the artifacts, checkpoints and uploads of a caller take up. The same content counts as often as it is named. */
export async function usedBytes({ kysely }: { kysely: Pick<Tx, 'getExecutor'> }, caller: string): Promise<number> {
  const sums = ['artifact', 'checkpoint', 'session_upload'].map(
    table => sql`select coalesce(sum(size_bytes), 0) as bytes from ${sql.table(table)} where caller = ${caller}`,
  );
  const query = sql<{
    bytes: number | string;
  }>`select sum(bytes) as bytes from (${sql.join(sums, sql` union all `)}) used`;
  const { rows } = await query.execute(kysely);
  return Number(rows[0]?.bytes ?? 0);
}

/** Within a transaction that then inserts. Throws CAPACITY_EXCEEDED when more than `most` would be taken up. */
export async function requireBytes(
  db: Database,
  tx: Tx,
  { caller, adding, most }: { caller: string; adding: number; most: number | undefined },
): Promise<void> {
  if (most === undefined) return;
  await db.lock(tx, `bytes ${caller}`);
  if ((await usedBytes({ kysely: tx }, caller)) + adding > most) throw overLimit('bytes', most);
}
