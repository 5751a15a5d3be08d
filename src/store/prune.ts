import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** How long artifacts and checkpoints outlive their workspace. */
const AFTERLIFE_MS = 7 * 24 * 60 * 60 * 1000;

/** Rows deleted in one transaction, so that a large sweep does not keep writers waiting. */
const STEP = 2000;

/** Repeats a deletion of at most `limit` rows until it finds no more; the number of rows deleted. */
export async function pruneInSteps(step: (limit: number) => Promise<{ numDeletedRows: bigint }>): Promise<number> {
  let pruned = 0;
  while (true) {
    const { numDeletedRows } = await step(STEP);
    pruned += Number(numDeletedRows);
    if (numDeletedRows < STEP) return pruned;
    // The embedded database works on this thread; let other work in between.
    await setImmediate();
  }
}

/** The expiry of what is added to a workspace: none while it lives, else as if it had been there when the workspace ended. */
export const expiryOfChild = (db: Database, workspaceId: string) =>
  sql<number | null>`case when exists (select 1 from workspace where id = ${workspaceId}) then null
    else ${afterlifeEnd(db)} end`;

export const afterlifeEnd = (db: Database) => sql<number>`${db.now} + ${AFTERLIFE_MS}`;

/** Removes what has expired from the table; the number of rows. */
export async function pruneExpired(db: Database, table: 'artifact' | 'checkpoint'): Promise<number> {
  // A row that was added while its workspace was being deleted may have missed the end of the workspace.
  await db.kysely
    .updateTable(table)
    .set({ expires_at: afterlifeEnd(db) })
    .where('expires_at', 'is', null)
    .where(eb =>
      eb.not(
        eb.exists(
          eb.selectFrom('workspace').select('workspace.id').whereRef('workspace.id', '=', `${table}.workspace_id`),
        ),
      ),
    )
    .execute();
  return await pruneInSteps(limit =>
    db.write(tx => {
      const some = tx.selectFrom(table).select('ordinal').where('expires_at', '<=', db.now).limit(limit);
      return tx.deleteFrom(table).where('ordinal', 'in', some).executeTakeFirst();
    }),
  );
}
