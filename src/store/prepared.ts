import { type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

/** Stands where the value of this name will be. */
export type ValueOf<Values> = <Name extends keyof Values>(name: Name) => RawBuilder<Values[Name]>;

type Executor = Pick<Kysely<Schema>, 'executeQuery'>;

/** A query that is put together once; its values come with each run, in a transaction or outside of one. */
export interface Prepared<Values, Row> {
  all(executor: Executor, values: Values): Promise<Row[]>;
  /** The first row; undefined where there is none. */
  first(executor: Executor, values: Values): Promise<Row | undefined>;
}

/**
 * For what is asked again and again while somebody waits: putting a query together takes longer than most queries run. Done when it is
 * asked for the first time.
 */
export function prepare<Values, Row>(
  db: Pick<Database, 'kysely'>,
  build: (value: ValueOf<Values>) => { compile(executor: Kysely<Schema>): CompiledQuery<Row> },
): Prepared<Values, Row> {
  let fill: ((values: Values) => CompiledQuery<Row>) | undefined;
  const all = async (executor: Executor, values: Values) => {
    fill ??= compile(db, build);
    return (await executor.executeQuery(fill(values))).rows;
  };
  return { all, first: async (executor, values) => (await all(executor, values))[0] };
}

/** What a query holds until it gets its values. */
class Place {}

function compile<Values, Row>(
  { kysely }: Pick<Database, 'kysely'>,
  build: Parameters<typeof prepare<Values, Row>>[1],
): (values: Values) => CompiledQuery<Row> {
  const names = new Map<unknown, keyof Values>();
  const compiled = build(name => {
    const place = new Place();
    names.set(place, name);
    return sql`${place}`;
  }).compile(kysely);
  const filled = compiled.parameters.map(parameter => {
    const name = names.get(parameter);
    return (values: Values) => (name === undefined ? parameter : values[name]);
  });
  return values => ({ ...compiled, parameters: filled.map(value => value(values)) });
}
