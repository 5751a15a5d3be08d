import { z } from 'zod';
import type { Database } from '../database.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import type { CallerStateRecord } from './rows.ts';
import type { CallerStateStore } from './store.ts';

const columns = ['caller', 'version', 'state'] as const;
const schema = z.object({ caller: z.string(), version: z.number(), state: jsonObject });

/** What callers keep here. Each change is one step from one version to the next. */
export function createCallerStateStore(db: Database): CallerStateStore {
  const reader = createRowsReader<CallerStateRecord>(db, { table: 'caller_state', schema });
  const nothing = (caller: string): CallerStateRecord => ({ caller, version: 0, state: {} });

  return {
    async get(caller) {
      const row = await db.kysely
        .selectFrom('caller_state')
        .select(columns)
        .where('caller', '=', caller)
        .executeTakeFirst();
      return reader.maybe(row) ?? nothing(caller);
    },

    update: (caller, change, { ifVersion }) =>
      db.write(async tx => {
        await db.lock(tx, `state ${caller}`);
        const row = await tx.selectFrom('caller_state').select(columns).where('caller', '=', caller).executeTakeFirst();
        const before = reader.maybe(row) ?? nothing(caller);
        if (ifVersion !== undefined && ifVersion !== before.version) return undefined;
        const after = { caller, version: before.version + 1, state: change(before.state) };
        const text = JSON.stringify(after.state);
        await tx
          .insertInto('caller_state')
          .values({ caller, version: after.version, state: text })
          .onConflict(conflict => conflict.column('caller').doUpdateSet({ version: after.version, state: text }))
          .execute();
        return after;
      }),
  };
}
