import type { Database, Tx } from '../database.ts';
import { overLimit } from '../quota.ts';

/** To be asked in the transaction that inserts one more. Throws CAPACITY_EXCEEDED when the caller has `perCaller` tasks that have not ended. */
export async function requireTaskRoom(
  tx: Tx,
  { db, caller, perCaller }: { db: Database; caller: string; perCaller: number },
): Promise<void> {
  await db.lock(tx, `tasks ${caller}`);
  const { count } = await tx
    .selectFrom('task')
    .select(eb => eb.fn.countAll<number>().as('count'))
    .where('caller', '=', caller)
    .where('completed_at', 'is', null)
    .executeTakeFirstOrThrow();
  if (count >= perCaller) throw overLimit('tasks', perCaller);
}
