import { z } from 'zod';
import type { Database, OnBadRow } from './database.ts';
import type { Json, JsonObject } from './rows.ts';

/** A column that holds a JSON object as text. */
export const jsonObject = z.string().transform((text, context): JsonObject => {
  const value = parse(text);
  if (isJsonObject(value)) return value;
  context.addIssue({ code: 'custom', message: 'holds no JSON object' });
  return z.NEVER;
});

/** A column that holds a map of text to text. */
export const textMap = jsonObject.pipe(z.record(z.string(), z.string()));

/** A column that holds 0 or 1. */
export const flag = z.number().transform(value => value !== 0);

/** A column that holds a list as JSON text. */
export const listOf = <Item extends z.ZodType>(item: Item) => z.string().transform(parse).pipe(z.array(item));

/** A column that holds a list of text. */
export const textList = listOf(z.string());

/** Names an unreadable row on stderr, as a warning of the process. */
export const warnOfBadRow: OnBadRow = ({ table, id, problem }) =>
  process.emitWarning(`unreadable row ${id} of table ${table}: ${problem}`);

export interface RowsReader<Row> {
  /** Throws for a row that cannot be read. */
  one(row: unknown): Row;
  /** Undefined for undefined; else like `one`. */
  maybe(row: unknown): Row | undefined;
  /** Leaves out the rows that cannot be read, and reports each. */
  many(rows: readonly unknown[]): Row[];
  /** What is wrong with a row, or undefined. */
  problemOf(row: unknown): string | undefined;
}

/** Reads the rows of one table: `one` throws for a row that does not fit, `many` leaves it out and tells `onBadRow`. */
export function createRowsReader<Row>(
  database: Pick<Database, 'onBadRow'>,
  { table, schema }: { table: string; schema: z.ZodType<Row> },
): RowsReader<Row> {
  const one = (row: unknown): Row => {
    const result = schema.safeParse(row);
    if (result.success) return result.data;
    throw new Error(`unreadable row ${nameOf(row)} of table ${table}: ${problemIn(result.error)}`);
  };
  return {
    one,
    maybe: row => (row === undefined ? undefined : one(row)),
    problemOf: row => {
      const result = schema.safeParse(row);
      return result.success ? undefined : `table ${table}, row ${nameOf(row)}: ${problemIn(result.error)}`;
    },
    many: rows =>
      rows.flatMap(row => {
        const result = schema.safeParse(row);
        if (result.success) return [result.data];
        database.onBadRow({ table, id: nameOf(row), problem: problemIn(result.error) });
        return [];
      }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined is no JSON value, so whatever is expected of the column is not met.
    return undefined;
  }
}

/** Whatever JSON.parse gives is JSON throughout; what is left to see is that it is an object. */
export const isJsonObject = (value: unknown): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const problemIn = (error: z.ZodError): string =>
  error.issues.map(issue => `${issue.path.join('.')} ${issue.message}`).join('; ');

const nameSchema = z.union([
  z.object({ id: z.string() }).transform(row => row.id),
  z.object({ stream: z.string(), seq: z.number() }).transform(row => `${row.stream}#${row.seq}`),
]);

const nameOf = (row: unknown): string => nameSchema.safeParse(row).data ?? 'without id';
