import { type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';
import type { DialectName } from '../database.ts';

type Type = RawBuilder<unknown>;

/** How each dialect writes the types of columns. Numbers are 64 bits wide on both; SQLite's `integer primary key` is the row's own number. */
export interface Columns {
  readonly dialect: DialectName;
  /** Compares bytewise on both, so that order and cursors mean the same. */
  readonly text: Type;
  readonly number: Type;
  /** Numbers the rows in order of insertion. */
  readonly ordinal: Type;
}

export const columnsOf = (dialect: DialectName): Columns => ({
  dialect,
  text: dialect === 'sqlite' ? sql`text` : sql`text collate "C"`,
  number: sql`bigint`,
  ordinal: dialect === 'sqlite' ? sql`integer` : sql`bigserial`,
});

/** Names of columns by their kind. */
interface ColumnNames {
  readonly texts?: readonly string[];
  readonly numbers?: readonly string[];
  readonly nullableTexts?: readonly string[];
  readonly nullableNumbers?: readonly string[];
}

/** Begins a table of these columns, in this order. */
export const tableOf = (
  db: Kysely<unknown>,
  { columns, name, ...names }: ColumnNames & { columns: Columns; name: string },
): CreateTableBuilder<string, string> => withColumns(db.schema.createTable(name), { columns, ...names });

/** Begins a table whose rows have an ordinal and an id, both unique; further columns are these. */
export const numberedTableOf = (
  db: Kysely<unknown>,
  { columns, name, ...names }: ColumnNames & { columns: Columns; name: string },
): CreateTableBuilder<string, string> =>
  withColumns(
    db.schema.createTable(name).addColumn('ordinal', columns.ordinal, c => c.primaryKey()),
    { columns, ...names },
  ).addUniqueConstraint(`${name}_id`, ['id']);

function withColumns(
  table: CreateTableBuilder<string, string>,
  { columns: { text, number }, texts, numbers, nullableTexts, nullableNumbers }: ColumnNames & { columns: Columns },
): CreateTableBuilder<string, string> {
  let builder = table;
  for (const column of texts ?? []) builder = builder.addColumn(column, text, c => c.notNull());
  for (const column of numbers ?? []) builder = builder.addColumn(column, number, c => c.notNull());
  for (const column of nullableTexts ?? []) builder = builder.addColumn(column, text);
  for (const column of nullableNumbers ?? []) builder = builder.addColumn(column, number);
  return builder;
}
