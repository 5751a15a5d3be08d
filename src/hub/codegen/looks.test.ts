import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFakeCodegen } from '../../../test/support/fake-codegen/fake-codegen.ts';
import { createCodegenClient } from '../../providers/codegen/codegen-client.ts';
import { SharedLimits } from '../../providers/http/shared-limits.ts';
import { Looks } from './looks.ts';

async function look(work: (place: Awaited<ReturnType<typeof startLook>>) => Promise<void>): Promise<void> {
  const place = await startLook();
  try {
    await work(place);
  } finally {
    await place.fake.close();
  }
}

async function startLook() {
  const fake = await startFakeCodegen();
  const credentials = { baseUrl: fake.origin, orgId: fake.orgId, token: fake.token };
  const client = createCodegenClient(credentials, { shared: new SharedLimits(), firstRetryMs: 1 });
  const told: string[] = [];
  const failed = (error: Error) => void told.push(error.message);
  const at = (looks: Looks, ids: readonly number[]) =>
    looks.at(new Set(ids), { client, signal: new AbortController().signal, failed });
  return { fake, told, at };
}

test('a hundred runs that go on cost one request', () =>
  look(async ({ fake, at }) => {
    const ids = Array.from({ length: 100 }, () => fake.runs.add().id);
    const looks = new Looks();
    assert.equal((await at(looks, ids)).size, 100);
    assert.deepEqual([fake.requests.count(), looks.takeCount(), looks.takeCount()], [1, 1, 0]);
  }));

test('old runs that no page shows are asked for a few at a time, each in its turn', () =>
  look(async ({ fake, at }) => {
    const old = Array.from({ length: 12 }, () => fake.runs.add().id);
    for (let i = 0; i < 600; i += 1) fake.runs.add();
    const looks = new Looks();
    const first = [...(await at(looks, old)).keys()];
    const second = [...(await at(looks, old)).keys()];
    assert.deepEqual(new Set([...first, ...second]), new Set(old));
  }));

test('an answer that cannot be read keeps nobody from the other runs', () =>
  look(async ({ fake, told, at }) => {
    const [one, two] = [fake.runs.add().id, fake.runs.add().id];
    fake.troubles.next('listRuns', { lie: () => ({ items: 'none' }) });
    fake.troubles.next('getRun', { lie: () => ({ id: 'x' }) });
    const seen = await at(new Looks(), [one, two]);
    assert.equal(seen.size, 1);
    assert.equal(told.length, 2);
  }));

test('a run that is not known upstream is gone', () =>
  look(async ({ at }) => {
    assert.deepEqual([...(await at(new Looks(), [4]))], [[4, 'gone']]);
  }));
