import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codegenClient, failsWith } from '../../../test/support/codegen-client.ts';
import { AppError } from '../../errors/app-error.ts';
import { isOutcomeUnknown } from '../http/failures.ts';
import { SharedLimits } from '../http/shared-limits.ts';
import { codegenRules, createCodegenClient } from './codegen-client.ts';

const { signal } = new AbortController();

test('failure 8: a hanging upstream ends in NETWORK_ERROR within its timeout and stops no other call', async t => {
  const { fake, client } = await codegenClient(t, { timeoutMs: 2000 });
  const { id } = fake.runs.add();
  fake.troubles.always('getMe', { hangs: true });
  const hanging = assert.rejects(client.getMe({ signal }), {
    code: 'NETWORK_ERROR',
    message: `Network error: no answer from ${new URL(fake.origin).host} within 2 s`,
  });
  const run = await client.getRun(id, { signal });
  assert.equal(run.id, id);
  await hanging;
  assert.equal(fake.requests.count('getMe'), 1);
});

test('failure 8: 20 calls at once are served side by side', async t => {
  const { fake, client } = await codegenClient(t);
  const { id } = fake.runs.add();
  // None is answered before all of them have come.
  let release = () => {};
  const all = new Promise<void>(resolve => {
    release = resolve;
  });
  fake.troubles.always('getRun', { until: all });
  const calls = Array.from({ length: 20 }, () => client.getRun(id, { signal }));
  while (fake.requests.count('getRun') < 20) await new Promise(resolve => setImmediate(resolve));
  release();
  assert.equal((await Promise.all(calls)).length, 20);
});

test('failure 9: 70 reads in a burst keep within the budget, and all of them succeed', async t => {
  const perMs = 1500;
  const rules = { ...codegenRules, windows: { requests: { requests: 60, perMs } } };
  const { fake, client } = await codegenClient(t, { rules, fake: { limit: { requests: 60, perMs } } });
  const { id } = fake.runs.add();
  const runs = await Promise.all(Array.from({ length: 70 }, () => client.getRun(id, { signal })));
  assert.equal(runs.length, 70);
  assert.equal(fake.requests.count(), 70, 'none was refused');
  assert.ok(fake.requests.mostWithin(perMs) <= 60);
});

test('failure 9: the 11th creation in a minute is RATE_LIMITED when it would have to wait too long', async t => {
  const { fake, client } = await codegenClient(t);
  const ten = await Promise.all(
    Array.from({ length: 10 }, (_, at) => client.createRun({ prompt: `${at}` }, { signal })),
  );
  assert.equal(ten.length, 10);
  await assert.rejects(client.createRun({ prompt: '11' }, { signal }), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.message, 'Rate limit of codegen reached');
    const seconds = Number(error.details.retry_after_seconds);
    assert.ok(seconds > 30 && seconds <= 60, `${seconds}`);
    return !isOutcomeUnknown(error);
  });
  assert.equal(fake.requests.count('createRun'), 10);
  await client.getMe({ signal });
});

test('failure 9: the 11th creation waits when a place comes free in time', async t => {
  const perMs = 1000;
  const windows = { ...codegenRules.windows, creations: { requests: 10, perMs } };
  const { fake, client } = await codegenClient(t, { rules: { ...codegenRules, windows } });
  await Promise.all(Array.from({ length: 11 }, (_, at) => client.createRun({ prompt: `${at}` }, { signal })));
  assert.ok(fake.requests.mostWithin(perMs, 'createRun') <= 10);
  assert.equal(fake.requests.count('createRun'), 11);
});

test('failure 9: 429 with Retry-After: 2 is not repeated earlier, by nobody', async t => {
  const { fake, client } = await codegenClient(t);
  const { id } = fake.runs.add();
  fake.troubles.next('getRun', { status: 429, headers: { 'retry-after': '2' } });
  const first = client.getRun(id, { signal });
  while (fake.requests.count() < 1 || fake.requests.all[0]?.status === undefined)
    await new Promise(resolve => setImmediate(resolve));
  await first;
  assert.ok((fake.requests.gaps('getRun')[0] ?? 0) >= 2000);
  const until = Math.ceil(Date.now() / 1000) * 1000 + 1000;
  fake.troubles.next('createRun', { status: 429, headers: { 'retry-after': new Date(until).toUTCString() } });
  let startedAt = 0;
  fake.runs.onStarted = () => {
    startedAt = Date.now();
  };
  await client.createRun({ prompt: 'x' }, { signal });
  assert.ok(startedAt >= until - 5, 'not before the date, but for the coarseness of timers');
});

test('a Retry-After that is too long to wait for is told at once', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.next('getMe', { status: 429, headers: { 'retry-after': '120' } });
  await assert.rejects(client.getMe({ signal }), failsWith('RATE_LIMITED', { retry_after_seconds: 120 }));
  assert.equal(fake.requests.count(), 1);
  // Whoever asks next is told without the service being asked again.
  await assert.rejects(client.getMe({ signal }), failsWith('RATE_LIMITED'));
  assert.equal(fake.requests.count(), 1);
});

test('a storm of 429 ends in RATE_LIMITED, after no more than the retries', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.always('all', { status: 429 });
  await assert.rejects(client.getMe({ signal }), failsWith('RATE_LIMITED'));
  assert.equal(fake.requests.count(), 4);
});

test('failure 9: what is repeated in a storm of 429 counts against the budget too', async t => {
  const perMs = 600;
  const rules = { ...codegenRules, windows: { requests: { requests: 10, perMs } } };
  const { fake, client } = await codegenClient(t, { rules });
  const { id } = fake.runs.add();
  fake.troubles.next('getRun', { status: 429 }, 15);
  const runs = await Promise.all(Array.from({ length: 30 }, () => client.getRun(id, { signal })));
  assert.equal(runs.length, 30);
  assert.equal(fake.requests.count(), 45);
  assert.ok(fake.requests.mostWithin(perMs) <= 10);
});

test('clients with one token share their budget, also when one is made anew', async t => {
  const shared = new SharedLimits();
  const { fake, client } = await codegenClient(t, { shared });
  for (let at = 0; at < 10; at++) await client.createRun({ prompt: 'x' }, { signal });
  const { origin: baseUrl, orgId, token } = fake;
  const anew = createCodegenClient({ baseUrl: `${baseUrl}/v1/`, orgId, token }, { shared });
  await assert.rejects(anew.createRun({ prompt: 'x' }, { signal }), failsWith('RATE_LIMITED'));
});

test('a call whose caller goes away ends at once, with the caller’s reason', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.always('getMe', { hangs: true });
  const caller = new AbortController();
  const call = client.getMe({ signal: caller.signal });
  while (fake.requests.count() === 0) await new Promise(resolve => setImmediate(resolve));
  caller.abort(new Error('gone'));
  await assert.rejects(call, /gone/);
});

test('the documented limits are the ones that are kept', () => {
  assert.deepEqual(codegenRules.windows, {
    requests: { requests: 60, perMs: 30_000 },
    creations: { requests: 10, perMs: 60_000 },
    logs: { requests: 60, perMs: 60_000 },
  });
});
