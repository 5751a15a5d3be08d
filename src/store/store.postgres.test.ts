import assert from 'node:assert/strict';
import { it } from 'node:test';
import pg from 'pg';
import { afterLast, beforeFirst } from '../../test/support/around-tests.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres.ts';
import type { Use } from './contract/support.ts';
import { createPostgresStore } from './postgres.ts';
import type { Store } from './store.ts';
import { storeContract } from './store-contract.ts';

let server: PostgresServer;
/** Up to date, and empty: each test has a copy. */
let original: string;
beforeFirst(async () => {
  server = await startPostgres();
  original = await server.createDatabase();
  await (await createPostgresStore({ url: original })).close();
});
afterLast(() => server.close());

const use: Use = async test => {
  const url = await server.createDatabase(original);
  const badRows: string[] = [];
  const opened: Store[] = [];
  const open = async () => {
    const store = await createPostgresStore({ url, onBadRow: ({ table, id }) => badRows.push(`${table}/${id}`) });
    opened.push(store);
    return store;
  };
  const execute = async (statement: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  try {
    await test({ store: await open(), badRows, openAnother: open, execute });
  } finally {
    await Promise.all(opened.map(store => store.close()));
  }
};

storeContract('PostgreSQL', use);

it('is brought up to date once when several open it at the same time', async () => {
  const url = await server.createDatabase();
  const stores = await Promise.all(Array.from({ length: 4 }, () => createPostgresStore({ url })));
  assert.deepEqual(await Promise.all(stores.map(store => store.checkIntegrity())), [[], [], [], []]);
  await Promise.all(stores.map(store => store.close()));
});

it('says when the database cannot be reached', async () => {
  await assert.rejects(createPostgresStore({ url: 'postgres://nobody@127.0.0.1:1/none' }), /ECONNREFUSED/);
});
