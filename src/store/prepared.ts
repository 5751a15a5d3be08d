import { type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database, Tx } from './database.ts';
import type { Schema } from './schema.ts';

/** Stands where the value of this name will be. */
export type ValueOf<Values> = <Name extends keyof Values>(name: Name) => RawBuilder<Values[Name]>;

/** A query that is put together once; its values come with each run, in a transaction or outside of one. */
export interface Prepared<Values, Row> {
  all(values: Values, tx?: Tx): Promise<Row[]>;
  /** The first row; undefined where there is none. */
  first(values: Values, tx?: Tx): Promise<Row | undefined>;
}

type Build<Values, Row> = (value: ValueOf<Values>) => { compile(executor: Kysely<Schema>): CompiledQuery<Row> };

/**
 * For what is asked again and again while somebody waits: putting a query together takes longer than most queries run. Done when it is
 * asked for the first time.
 */
export function prepare<Values, Row>(
  db: Pick<Database, 'kysely' | 'statement'>,
  build: Build<Values, Row>,
): Prepared<Values, Row> {
  let run: Prepared<Values, Row>['all'] | undefined;
  const all: Prepared<Values, Row>['all'] = (values, tx) => {
    run ??= put(db, build);
    return run(values, tx);
  };
  return { all, first: async (values, tx) => (await all(values, tx))[0] };
}

/** What a query holds until it gets its values. */
class Place {}

function put<Values, Row>(
  db: Pick<Database, 'kysely' | 'statement'>,
  build: Build<Values, Row>,
): Prepared<Values, Row>['all'] {
  const names = new Map<unknown, keyof Values>();
  const query = build(name => {
    const place = new Place();
    names.set(place, name);
    return sql`${place}`;
  }).compile(db.kysely);
  const filled = query.parameters.map(parameter => {
    const name = names.get(parameter);
    return (values: Values) => (name === undefined ? parameter : values[name]);
  });
  const statement = db.statement(query);
  return (values, tx) => {
    const parameters = filled.map(value => value(values));
    return statement(parameters, tx);
  };
}
