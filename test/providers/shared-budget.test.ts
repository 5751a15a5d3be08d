import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '../../src/errors/app-error.ts';
import { createCodegenClient } from '../../src/providers/codegen/codegen-client.ts';
import { SharedLimits } from '../../src/providers/http/shared-limits.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import { type FakeCodegen, startFakeCodegen } from '../support/fake-codegen/fake-codegen.ts';
import { openBench } from '../support/hub-under-test.ts';
import { scratchDirectory } from '../support/server.ts';

const signal = new AbortController().signal;
const credentialsOf = ({ origin, token, orgId }: FakeCodegen) => ({ baseUrl: origin, token, orgId });

test('two hubs on one token stay within its budget together: of twelve creations ten arrive', async () => {
  const fake = await startFakeCodegen();
  const bench = await openBench();
  try {
    const codegen = { api_token: fake.token, org_id: fake.orgId, base_url: fake.origin };
    const hubs = [await bench.hub({ config: { codegen } }), await bench.hub({ config: { codegen } })];
    const creations = hubs.flatMap(hub =>
      Array.from({ length: 6 }, async () => (await hub.codegen.gate.client()).createRun({ prompt: 'x' }, { signal })),
    );
    const ends = await Promise.allSettled(creations);
    const refused = ends.flatMap(end => (end.status === 'rejected' ? [end.reason] : []));
    assert.equal(fake.requests.count('createRun'), 10);
    assert.equal(refused.length, 2);
    for (const error of refused) {
      assert.ok(error instanceof AppError && error.code === 'RATE_LIMITED', String(error));
      assert.ok(Number(error.details.retry_after_seconds) > 30);
    }
    // One that comes later, as after a restart, finds what was used up.
    const third = await bench.hub({ config: { codegen } });
    const late = (await third.codegen.gate.client()).createRun({ prompt: 'x' }, { signal });
    await assert.rejects(late, { code: 'RATE_LIMITED' });
  } finally {
    await bench.close();
    await fake.close();
  }
});

test('processes that share records never send more than the rule together, and all requests are answered in the end', async () => {
  const rule = { requests: 10, perMs: 400 };
  const rules = { windows: { requests: rule }, breaker: { failures: 5, openMs: 5_000 } };
  // What is more than that is answered with 429.
  const fake = await startFakeCodegen({ limit: rule });
  const scratch = await scratchDirectory();
  const path = join(scratch.path, 'records.db');
  const stores = [await createSqliteStore({ path }), await createSqliteStore({ path })];
  try {
    const clients = stores.map(({ budgets }) =>
      createCodegenClient(credentialsOf(fake), { shared: new SharedLimits({ records: budgets }), rules }),
    );
    const reads = Array.from({ length: 40 }, (_, at) => clients[at % 2]?.listRuns({ skip: 0, limit: 1 }, { signal }));
    assert.equal((await Promise.all(reads)).length, 40);
    assert.deepEqual(
      fake.requests.all.map(({ status }) => status),
      Array.from({ length: 40 }, () => 200),
    );
  } finally {
    for (const store of stores) await store.close();
    await scratch.remove();
    await fake.close();
  }
});
