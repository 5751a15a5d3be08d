import { createHash } from 'node:crypto';
import { z } from 'zod';
import { decodeCursor, pageOf } from './cursor.ts';
import type { BulkTable, Database, SqlValue } from './database.ts';
import type { AuditRecord } from './rows.ts';
import { createRowsReader, jsonObject } from './rows-reader.ts';
import type { AuditStore } from './store.ts';

/** Before the first record. */
const GENESIS = '0'.repeat(64);
const VERIFIED_PAGE = 1000;

const stored = ['id', 'caller', 'operation', 'handles', 'outcome', 'duration_ms', 'time', 'details'] as const;

export const auditColumns = [
  'seq',
  'id',
  'caller',
  'operation',
  'handles',
  'outcome',
  'duration_ms as durationMs',
  'time',
  'details',
  'hash',
] as const;

export const auditSchema = z.object({
  id: z.string(),
  caller: z.string(),
  operation: z.string(),
  handles: jsonObject,
  outcome: z.string(),
  durationMs: z.number(),
  time: z.number(),
  details: jsonObject,
  hash: z.string(),
});

const bulk: BulkTable = {
  table: 'audit',
  columns: {
    seq: 'bigint',
    id: 'text',
    caller: 'text',
    operation: 'text',
    handles: 'text',
    outcome: 'text',
    duration_ms: 'double precision',
    time: 'bigint',
    details: 'text',
    hash: 'text',
  },
};

/**
 * The audit records as a chain: each hash covers the record and the hash before it, so a record that is changed, removed,
 * inserted or moved breaks every hash after it. Whoever can write all tables can forge a whole chain; compare a hash kept
 * elsewhere to notice that.
 */
export function createAuditStore(db: Database): AuditStore {
  const reader = createRowsReader<AuditRecord & { hash: string }>(db, { table: 'audit', schema: auditSchema });

  return {
    async append(records) {
      if (records.length === 0) return;
      await db.write(async tx => {
        // A chain has one end: appends of several hubs take turns.
        await db.lock(tx, 'audit');
        const head = await tx.selectFrom('audit_head').select(['seq', 'hash']).executeTakeFirst();
        let { seq, hash } = head ?? { seq: 0, hash: GENESIS };
        const rows = records.map(record => {
          const values = valuesOf(record);
          seq += 1;
          hash = chained(hash, values);
          return [seq, ...values, hash];
        });
        await db.insertMany(tx, bulk, rows);
        await tx
          .insertInto('audit_head')
          .values({ one: 1, seq, hash })
          .onConflict(conflict => conflict.column('one').doUpdateSet({ seq, hash }))
          .execute();
      });
    },

    async list({ caller, operation, limit, cursor }) {
      let query = db.kysely
        .selectFrom('audit')
        .select(auditColumns)
        .orderBy('seq', 'desc')
        .limit(limit + 1);
      if (caller !== undefined) query = query.where('caller', '=', caller);
      if (operation !== undefined) query = query.where('operation', '=', operation);
      if (cursor !== undefined) query = query.where('seq', '<', decodeCursor(cursor, 1)[0] ?? 0);
      return pageOf(await query.execute(), { limit, position: row => [row.seq], read: reader.many });
    },

    async verify() {
      // What is appended meanwhile lies behind this head, and is not looked at.
      const head = await db.kysely.selectFrom('audit_head').select(['seq', 'hash']).executeTakeFirst();
      const end = head ?? { seq: 0, hash: GENESIS };
      let hash = GENESIS;
      let records = 0;
      let last = 'none';
      while (true) {
        const page = await db.kysely
          .selectFrom('audit')
          .select([...stored, 'seq', 'hash'])
          .where('seq', '>', records)
          .where('seq', '<=', end.seq)
          .orderBy('seq')
          .limit(VERIFIED_PAGE)
          .execute();
        for (const row of page) {
          hash = chained(
            hash,
            stored.map(column => row[column]),
          );
          if (row.seq !== records + 1 || row.hash !== hash) return { records, brokenAt: row.id };
          records += 1;
          last = row.id;
        }
        if (page.length < VERIFIED_PAGE) break;
      }
      // Records cut off from the end leave the last one that is there unlike the head.
      const isWhole = records === end.seq && hash === end.hash;
      return { records, brokenAt: isWhole ? null : last };
    },
  };
}

const valuesOf = (record: AuditRecord): SqlValue[] => [
  record.id,
  record.caller,
  record.operation,
  JSON.stringify(record.handles),
  record.outcome,
  record.durationMs,
  record.time,
  JSON.stringify(record.details),
];

/** The stored values in the order of `stored`, as JSON, are the canonical form of a record. */
const chained = (previous: string, values: readonly SqlValue[]): string =>
  createHash('sha256').update(previous).update(JSON.stringify(values)).digest('hex');
