import { sql } from 'kysely';
import { type Database, leaseEnd } from '../database.ts';
import { createAppender } from '../events/events.ts';
import { jsonObject } from '../rows-reader.ts';
import type { FleetStore } from './store.ts';

/** All that happens in the fleet, in one order. */
export const FLEET_STREAM = 'fleet';
/** There is one fleet. */
const ONE = 'fleet';
/** Streams that only hubs write have one epoch. */
const HUB_EPOCH = 0;

export function createFleetStore(db: Database): FleetStore {
  const append = createAppender(db);

  return {
    async lead(hub, leaseSeconds) {
      const { numInsertedOrUpdatedRows = 0n } = await db.kysely
        .insertInto('fleet_watch')
        .values({ name: ONE, hub, lease_until: leaseEnd(db, leaseSeconds), is_over: 0 })
        .onConflict(conflict =>
          conflict
            .column('name')
            .doUpdateSet({ hub, lease_until: leaseEnd(db, leaseSeconds) })
            .where(eb =>
              eb.or([
                eb('fleet_watch.hub', '=', hub),
                eb('fleet_watch.lease_until', '<=', db.now),
                eb(
                  'fleet_watch.hub',
                  'not in',
                  eb.selectFrom('hub').select('hub.id').where('hub.lease_until', '>', db.now),
                ),
              ]),
            ),
        )
        .executeTakeFirst();
      return numInsertedOrUpdatedRows > 0n;
    },

    async markRead() {
      await db.kysely
        .insertInto('fleet_watch')
        .values({ name: ONE, hub: '', lease_until: 0, read_at: db.now, is_over: 0 })
        .onConflict(conflict => conflict.column('name').doUpdateSet({ read_at: db.now }))
        .execute();
    },

    async state() {
      const row = await db.kysely
        .selectFrom('fleet_watch')
        .select(['is_over as isOver', sql<number | null>`${db.now} - read_at`.as('readAgoMs')])
        .where('name', '=', ONE)
        .executeTakeFirst();
      return { readAgoMs: row?.readAgoMs ?? null, isOverCapacity: row?.isOver === 1 };
    },

    async looks() {
      const rows = await db.kysely.selectFrom('fleet_look').select(['provider', 'agents']).execute();
      return new Map(rows.map(({ provider, agents }) => [provider, jsonObject.parse(agents)]));
    },

    saveLook: (hub, { looks, isOverCapacity, events }) =>
      db.write(async tx => {
        // Of two hubs the one that leads by now is told by the row, which this statement locks.
        const { numUpdatedRows } = await tx
          .updateTable('fleet_watch')
          .set({ is_over: isOverCapacity ? 1 : 0 })
          .where('name', '=', ONE)
          .where('hub', '=', hub)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        for (const [provider, look] of looks) {
          const agents = JSON.stringify(look);
          await tx
            .insertInto('fleet_look')
            .values({ provider, agents })
            .onConflict(conflict => conflict.column('provider').doUpdateSet({ agents }))
            .execute();
        }
        if (events.length > 0) {
          const outcome = await append(tx, { stream: FLEET_STREAM, epoch: HUB_EPOCH, first: 'next', events });
          if (!('ack' in outcome))
            throw new Error(`the stream of the fleet refused an event: ${JSON.stringify(outcome)}`);
        }
        return true;
      }),

    noteChange: ({ agent, caller, operation }, { windowSeconds }) =>
      db.write(async tx => {
        const begin = sql<number>`${db.now} - ${windowSeconds * 1000}`;
        await tx.deleteFrom('fleet_change').where('changed_at', '<', begin).execute();
        const other = await tx
          .selectFrom('fleet_change')
          .select(['caller', 'operation', 'changed_at as at'])
          .where('agent', '=', agent)
          .where('caller', '!=', caller)
          .orderBy('changed_at', 'desc')
          .limit(1)
          .executeTakeFirst();
        // Two changes of one millisecond have an order too.
        const least = (other?.at ?? 0) + 1;
        const changed_at = sql<number>`case when ${db.now} > ${least} then ${db.now} else ${least} end`;
        await tx
          .insertInto('fleet_change')
          .values({ agent, caller, operation, changed_at })
          .onConflict(conflict => conflict.columns(['agent', 'caller']).doUpdateSet({ operation, changed_at }))
          .execute();
        return other;
      }),
  };
}
