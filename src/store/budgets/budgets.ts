import { sql } from 'kysely';
import type { Database, Tx } from '../database.ts';
import type { BudgetStore, BudgetWindow } from './store.ts';

/**
 * Sliding windows: a place counts from before its request is sent until a whole window after its answer. Whoever takes one holds the
 * budget's lock meanwhile, so that of several hubs none takes what another has just taken.
 */
export function createBudgetStore(db: Database): BudgetStore {
  /** When the first place of a full window can be free, at the earliest. */
  async function waitFor(tx: Tx, budget: string, { name, requests, perMs }: BudgetWindow): Promise<number> {
    const rows = await tx
      .selectFrom('budget_place')
      .select(['is_settled as isSettled', sql<number>`free_at - ${db.now}`.as('freeMs')])
      .where('budget', '=', budget)
      .where('budget_window', '=', name)
      .execute();
    const paused = await tx
      .selectFrom('budget_pause')
      .select(sql<number>`paused_until - ${db.now}`.as('forMs'))
      .where('budget', '=', budget)
      .where('budget_window', '=', name)
      .executeTakeFirst();
    const pausedMs = Math.max(0, paused?.forMs ?? 0);
    const excess = rows.length - requests;
    if (excess < 0) return pausedMs;
    // One that is under way ends now at the earliest.
    const free = rows.map(({ isSettled, freeMs }) => (isSettled === 1 ? freeMs : perMs)).sort((a, b) => a - b);
    return Math.max(pausedMs, free[excess] ?? perMs, 1);
  }

  return {
    take: (budget, windows, { place, holdMs }) =>
      db.write(async tx => {
        await db.lock(tx, `budget ${budget}`);
        await tx.deleteFrom('budget_place').where('free_at', '<=', db.now).execute();
        const waits: number[] = [];
        for (const window of windows) waits.push(await waitFor(tx, budget, window));
        const waitMs = Math.max(0, ...waits);
        if (waitMs > 0) return { waitMs };
        for (const { name, perMs } of windows) {
          const free_at = sql<number>`${db.now} + ${holdMs}`;
          const row = { budget, budget_window: name, place, per_ms: perMs, is_settled: 0, free_at };
          await tx.insertInto('budget_place').values(row).execute();
        }
        return { waitMs: 0 };
      }),

    async settle(place) {
      await db.kysely
        .updateTable('budget_place')
        // The clock tells whole milliseconds only.
        .set({ is_settled: 1, free_at: sql<number>`${db.now} + per_ms + 1` })
        .where('place', '=', place)
        .execute();
    },

    async pause(budget, budget_window, forMs) {
      const paused_until = sql<number>`${db.now} + ${Math.ceil(forMs)}`;
      await db.kysely
        .insertInto('budget_pause')
        .values({ budget, budget_window, paused_until })
        .onConflict(conflict =>
          conflict
            .columns(['budget', 'budget_window'])
            .doUpdateSet({ paused_until: eb => eb.ref('excluded.paused_until') })
            .whereRef('budget_pause.paused_until', '<', 'excluded.paused_until'),
        )
        .execute();
    },
  };
}
