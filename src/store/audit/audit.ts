import { hash as digest } from 'node:crypto';
import { type ExpressionBuilder, sql } from 'kysely';
import { z } from 'zod';
import { decodeCursor, pageOf } from '../cursor.ts';
import type { BulkTable, Database, DialectName, SqlValue } from '../database.ts';
import { prepare } from '../prepared.ts';
import type { AuditRecord } from '../rows.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import type { Schema } from '../schema.ts';
import type { AuditEntry, AuditQuery, AuditStore } from './store.ts';

/** Of the chain. */
type Head = Pick<AuditEntry, 'seq' | 'hash'>;

type Wanted = Omit<AuditQuery, 'limit' | 'cursor' | 'order'>;

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
  seq: z.number(),
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
  const reader = createRowsReader<AuditEntry>(db, { table: 'audit', schema: auditSchema });
  const headNow = prepare(db, () => db.kysely.selectFrom('audit_head').select(['seq', 'hash']));
  const setHead = prepare<Head, unknown>(db, value => {
    const head = { seq: value('seq'), hash: value('hash') };
    return db.kysely
      .insertInto('audit_head')
      .values({ one: 1, ...head })
      .onConflict(conflict => conflict.column('one').doUpdateSet(head));
  });

  return {
    async append(records) {
      if (records.length === 0) return;
      await db.write(async tx => {
        // A chain has one end: appends of several hubs take turns.
        await db.lock(tx, 'audit');
        let { seq, hash } = (await headNow.first({}, tx)) ?? { seq: 0, hash: GENESIS };
        const rows = records.map(record => {
          const values = valuesOf(record);
          seq += 1;
          hash = chained(hash, values);
          return [seq, ...values, hash];
        });
        await db.insertMany(tx, bulk, rows);
        await setHead.all({ seq, hash }, tx);
      });
    },

    async list({ limit, cursor, order = 'newest', ...wanted }) {
      const isNewestFirst = order === 'newest';
      let query = db.kysely
        .selectFrom('audit')
        .select(auditColumns)
        .where(eb => eb.and(conditionsOf(eb, { wanted, dialect: db.dialect })))
        .orderBy('seq', isNewestFirst ? 'desc' : 'asc')
        .limit(limit + 1);
      if (cursor !== undefined) query = query.where('seq', isNewestFirst ? '<' : '>', decodeCursor(cursor, 1)[0] ?? 0);
      return pageOf(await query.execute(), { limit, position: row => [row.seq], read: reader.many });
    },

    prune: before =>
      db.write(async tx => {
        await db.lock(tx, 'audit');
        const kept = await tx
          .selectFrom('audit')
          .select(eb => eb.fn.min('seq').as('seq'))
          .where('time', '>=', before)
          .executeTakeFirst();
        const head = await tx.selectFrom('audit_head').select('seq').executeTakeFirst();
        // The last one stays always: with it the chain can be compared with its head.
        const last = Math.min((kept?.seq ?? head?.seq ?? 1) - 1, (head?.seq ?? 1) - 1);
        const anchor = await tx.selectFrom('audit').select(['seq', 'hash']).where('seq', '=', last).executeTakeFirst();
        if (anchor === undefined) return 0;
        await tx
          .insertInto('audit_anchor')
          .values({ one: 1, ...anchor })
          .onConflict(conflict => conflict.column('one').doUpdateSet(anchor))
          .execute();
        return Number((await tx.deleteFrom('audit').where('seq', '<=', last).executeTakeFirst()).numDeletedRows);
      }),

    async verify() {
      // What is appended meanwhile lies behind this head, and is not looked at.
      const head = await db.kysely.selectFrom('audit_head').select(['seq', 'hash']).executeTakeFirst();
      const anchor = await db.kysely.selectFrom('audit_anchor').select(['seq', 'hash']).executeTakeFirst();
      const start = anchor ?? { seq: 0, hash: GENESIS };
      const end = head ?? start;
      let { seq, hash } = start;
      let last = 'none';
      while (true) {
        const page = await db.kysely
          .selectFrom('audit')
          .select([...stored, 'seq', 'hash'])
          .where('seq', '>', seq)
          .where('seq', '<=', end.seq)
          .orderBy('seq')
          .limit(VERIFIED_PAGE)
          .execute();
        for (const row of page) {
          hash = chained(
            hash,
            stored.map(column => row[column]),
          );
          if (row.seq !== seq + 1 || row.hash !== hash) return { records: seq - start.seq, brokenAt: row.id };
          seq = row.seq;
          last = row.id;
        }
        if (page.length < VERIFIED_PAGE) break;
      }
      // Records cut off from the end leave the last one that is there unlike the head.
      const isWhole = seq === end.seq && hash === end.hash;
      return { records: seq - start.seq, brokenAt: isWhole ? null : last };
    },
  };
}

/** Handles hold no quotes, so one that is looked for is found as the text that it is in JSON, and nothing else is. */
function conditionsOf(
  eb: ExpressionBuilder<Schema, 'audit'>,
  { wanted: { caller, operation, handle, outcome, since, until }, dialect }: { wanted: Wanted; dialect: DialectName },
) {
  const find = sql.raw(dialect === 'postgres' ? 'strpos' : 'instr');
  return [
    ...(caller === undefined ? [] : [eb('caller', '=', caller)]),
    ...(operation === undefined ? [] : [eb('operation', '=', operation)]),
    ...(outcome === undefined ? [] : [eb('outcome', '=', outcome)]),
    ...(since === undefined ? [] : [eb('time', '>=', since)]),
    ...(until === undefined ? [] : [eb('time', '<', until)]),
    ...(handle === undefined ? [] : [sql<boolean>`${find}(handles, ${`:${JSON.stringify(handle)}`}) > 0`]),
  ];
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
  digest('sha256', previous + JSON.stringify(values));
