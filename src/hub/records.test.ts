import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { alice, callOf, commandRun, mallory, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { eventually } from '../../test/support/eventually.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

describe('idempotency keys', () => {
  const key = { caller: alice, operation: 'op', key: 'k', args: { a: 1, b: [1, { c: 2 }] } };

  it(
    'give twins of one moment the first answer, whatever the order of their arguments',
    withBench(async bench => {
      const hub = await bench.hub();
      let calls = 0;
      const work = async () => ({ call: ++calls });
      const reordered = { ...key, args: { b: [1, { c: 2 }], a: 1, d: undefined } };
      assert.deepEqual(await Promise.all([hub.idempotency.once(key, work), hub.idempotency.once(reordered, work)]), [
        { call: 1 },
        { call: 1 },
      ]);
      assert.deepEqual(await hub.idempotency.once(key, work), { call: 1 });
    }),
  );

  it(
    'refuse other arguments, while the first call runs and afterwards, and are the caller’s own',
    withBench(async bench => {
      const hub = await bench.hub();
      const go = Promise.withResolvers<void>();
      const first = hub.idempotency.once(key, async () => {
        await go.promise;
        return { n: 1 };
      });
      const other = { ...key, args: { a: 2 } };
      await assert.rejects(
        hub.idempotency.once(other, async () => ({})),
        hasCode('IDEMPOTENCY_CONFLICT'),
      );
      go.resolve();
      await first;
      await assert.rejects(
        hub.idempotency.once(other, async () => ({})),
        hasCode('IDEMPOTENCY_CONFLICT'),
      );
      assert.deepEqual(await hub.idempotency.once({ ...other, caller: mallory }, async () => ({ n: 2 })), { n: 2 });
    }),
  );

  it(
    'are free again after a failure: a waiting twin then does the work',
    withBench(async bench => {
      const hub = await bench.hub();
      const go = Promise.withResolvers<void>();
      const first = hub.idempotency.once(key, async () => {
        await go.promise;
        throw new Error('first failed');
      });
      const twin = hub.idempotency.once(key, async () => ({ n: 2 }));
      go.resolve();
      await assert.rejects(first, /first failed/);
      assert.deepEqual(await twin, { n: 2 });
    }),
  );

  it(
    'hold across processes: the second waits for the first',
    withBench(async bench => {
      const one = await bench.hub();
      bench.newProcess();
      const two = await bench.hub();
      const go = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const first = one.idempotency.once(key, async () => {
        begun.resolve();
        await go.promise;
        return { by: 'one' };
      });
      await begun.promise;
      const second = two.idempotency.once(key, async () => ({ by: 'two' }));
      go.resolve();
      assert.deepEqual(await Promise.all([first, second]), [{ by: 'one' }, { by: 'one' }]);
    }),
  );
});

describe('the audit trail', () => {
  const entry = { caller: 'alice', operation: 'run_command', handles: {}, outcome: 'ok', durationMs: 1, details: {} };

  it(
    'is durable when it says so, whole, and without secrets',
    withBench(async bench => {
      const hub = await bench.hub();
      const details = {
        url: 'https://user:hunter2@git.example.com/x',
        api_key: 'hunter2',
        nested: [{ Authorization: 'Bearer hunter2hunter2' }, 'Bearer hunter2hunter2'],
        kept: 'plain',
      };
      await hub.audit.record({ ...entry, details });
      const [record] = (await bench.store.audit.list({ limit: 1 })).rows;
      assert.ok(record);
      assert.doesNotMatch(JSON.stringify(record), /hunter2/);
      assert.equal(record.details.kept, 'plain');
      assert.equal(record.details.url, 'https://[redacted]@git.example.com/x');
      await Promise.all(Array.from({ length: 1200 }, () => hub.audit.record(entry)));
      assert.deepEqual(await hub.audit.verify(), { records: 1201, brokenAt: null });
    }),
  );

  it(
    'tells those whose record was not written, admits no change meanwhile, and writes it later',
    withBench(async bench => {
      const hub = await bench.hub();
      const append = bench.store.audit.append;
      bench.store.audit.append = async () => {
        throw new Error('disk full');
      };
      hub.audit.admit();
      await assert.rejects(hub.audit.record(entry), /disk full/);
      assert.throws(() => hub.audit.admit(), { code: 'SERVICE_UNAVAILABLE', message: /nothing may be changed/ });
      bench.store.audit.append = append;
      await hub.close();
      assert.deepEqual(await bench.store.audit.verify(), { records: 1, brokenAt: null });
    }),
  );

  it(
    'has what was only noted before whoever asks, in the order of the calls',
    withBench(async bench => {
      const hub = await bench.hub();
      hub.audit.note({ ...entry, outcome: 'first' });
      hub.audit.note({ ...entry, outcome: 'second' });
      const { rows } = await hub.audit.list({ limit: 9, order: 'oldest' });
      assert.deepEqual(
        rows.map(({ outcome }) => outcome),
        ['first', 'second'],
      );
      hub.audit.note({ ...entry, outcome: 'third' });
      await hub.audit.record({ ...entry, outcome: 'fourth' });
      assert.equal((await bench.store.audit.verify()).records, 4);
    }),
  );

  it(
    'writes what was only noted by itself, when nobody asks',
    withBench(async bench => {
      const hub = await bench.hub();
      const written = Promise.withResolvers<void>();
      const append = bench.store.audit.append;
      bench.store.audit.append = async records => {
        await append(records);
        written.resolve();
      };
      hub.audit.note(entry);
      await written.promise;
      assert.equal((await bench.store.audit.verify()).records, 1);
    }),
  );

  it(
    'is complete when the hub is closed',
    withBench(async bench => {
      const hub = await bench.hub();
      const recorded = hub.audit.record(entry);
      hub.audit.note(entry);
      await hub.close();
      await recorded;
      assert.equal((await bench.store.audit.verify()).records, 2);
    }),
  );
});

describe('events', () => {
  it(
    'wake a reader that waits, and give it nothing twice',
    withBench(async bench => {
      const hub = await bench.hub();
      const waiting = hub.events.read('s', { after: 0, limit: 9, waitMs: 60_000 });
      await hub.events.append('s', 'first', { n: 1 });
      const [first] = await waiting;
      assert.deepEqual([first?.seq, first?.type, first?.body], [1, 'first', { n: 1 }]);
      const next = hub.events.read('s', { after: 1, limit: 9, waitMs: 60_000 });
      await hub.events.append('other', 'x', {});
      await hub.events.append('s', 'second', {});
      assert.deepEqual(
        (await next).map(({ type }) => type),
        ['second'],
      );
    }),
  );

  it(
    'answer nothing when the wait is over, and end with the signal',
    withBench(async bench => {
      const hub = await bench.hub();
      assert.deepEqual(await hub.events.read('s', { after: 0, limit: 9, waitMs: 1 }), []);
      const reader = new AbortController();
      const waiting = hub.events.read('s', { after: 0, limit: 9, waitMs: 60_000, signal: reader.signal });
      reader.abort(new Error('left'));
      await assert.rejects(waiting, /left/);
    }),
  );

  it(
    'of another process reach a follower too',
    withBench(async bench => {
      const one = await bench.hub();
      bench.newProcess();
      const two = await bench.hub();
      const reader = new AbortController();
      const types: string[] = [];
      await one.events.append('s', 'mine', {});
      for await (const { type } of one.events.follow('s', { after: 0, signal: reader.signal })) {
        types.push(type);
        if (types.length === 1) await two.events.append('s', 'theirs', {});
        else reader.abort();
      }
      assert.deepEqual(types, ['mine', 'theirs']);
    }),
  );
});

describe('what age ends', () => {
  it(
    'are workspaces without a call, but none that runs something',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { sweepMs: 5 } });
      const worker = await bench.worker({ script: () => new Promise(() => {}) });
      const [idle, busy] = [await newWorkspace(hub), await newWorkspace(hub)];
      const run = await hub.runs.run(commandRun(busy, 'x', { waitSeconds: 0 }), callOf());
      assert.ok(run.state === 'pending');
      // Time is the store's: what it calls expired is.
      const get = bench.store.workspaces.get;
      bench.store.workspaces.expired = async () => {
        const both = [await get(idle.id), await get(busy.id)];
        return both.flatMap(record => record ?? []);
      };
      await eventually(async () => (await get(idle.id)) === undefined);
      assert.ok(await get(busy.id));
      assert.deepEqual([...worker.workspaces.keys()], [busy.id]);
    }),
  );

  it(
    'are blobs that nothing names, and only those',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { blobSweepMs: 5, blobGraceMs: 0 } });
      await bench.worker();
      const workspace = await newWorkspace(hub);
      const content = { name: 'kept.txt', bytes: Buffer.from('kept') };
      const kept = await hub.artifacts.add(workspace, content, { labels: { l: '1' } }, callOf());
      const loose = await bench.blobs.put(Buffer.from('loose'));
      await eventually(async () => (await bench.blobs.stat(loose.sha256)) === undefined);
      assert.equal((await hub.artifacts.read(kept, { start: 0, end: 4 })).toString(), 'kept');
      assert.deepEqual([kept.path, kept.labels], ['artifacts/kept.txt', { l: '1' }]);
    }),
  );
});

describe('workers', () => {
  it(
    'whose lease ran out are lost: their runs end, and they must join again',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { leaseSeconds: 0.05, sweepMs: 5 } });
      const worker = await bench.worker({ script: () => new Promise(() => {}), site: 'a' });
      const workspace = await newWorkspace(hub);
      const run = hub.runs.run(commandRun(workspace, 'x'), callOf());
      await assert.rejects(run, hasCode('SANDBOX_DIED'));
      assert.deepEqual(await hub.workers.list(), []);
      await worker.join();
      assert.equal((await hub.workers.list())[0]?.id, worker.id);
    }),
  );

  it(
    'may be removed, once, and a live one only by force',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      await newWorkspace(hub);
      await assert.rejects(hub.workers.remove(worker.id, { force: false }), {
        code: 'VALIDATION_ERROR',
        message: 'worker worker-1 is live and holds 1 workspaces, so it is not removed',
      });
      await hub.workers.remove(worker.id, { force: true });
      await assert.rejects(hub.workers.remove(worker.id, { force: true }), hasCode('NOT_FOUND'));
    }),
  );

  it(
    'are shown with what they have, also when they are lost, until they are removed',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { leaseSeconds: 60 } });
      const worker = await bench.worker({ slots: 3, labels: { zone: 'a' } });
      await newWorkspace(hub);
      const [live] = await hub.workers.views();
      assert.deepEqual([live?.state, live?.used, live?.record.slots], ['live', 1, 3]);
      assert.ok(live && live.leaseLeftSeconds > 0 && live.leaseLeftSeconds <= 60);
      await hub.workers.drain(worker.id, true);
      assert.equal((await hub.workers.views())[0]?.state, 'draining');
      await bench.store.workers.join({ ...live.record, isDraining: false }, 0);
      await bench.store.workers.reap(await bench.store.now());
      const [lost] = await hub.workers.views();
      assert.deepEqual([lost?.state, lost?.used, lost?.leaseLeftSeconds], ['lost', 1, 0]);
      assert.deepEqual(await hub.workers.list(), []);
      await hub.workers.remove(worker.id, { force: false });
      assert.deepEqual(await hub.workers.views(), []);
    }),
  );
});
