import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { AppError } from '../errors/app-error.ts';
import {
  alice,
  callOf,
  commandRun,
  mallory,
  newWorkspace,
  plainRequest,
  withBench,
} from '../../test/support/hub-under-test.ts';
import type { WorkspaceRequest } from './hub.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

describe('making workspaces', () => {
  it(
    'opens it on a worker and shows its limits as the worker enforces them',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const view = await hub.workspaces.create({ ...plainRequest, name: 'w', limits: { memory_mb: 512 } }, callOf());
      assert.match(view.record.id, /^ws_[a-z0-9]{24}$/);
      assert.equal(view.record.state, 'ready');
      assert.equal(view.record.engine, 'scripted');
      assert.deepEqual(view.limits.memory_mb, { value: 512, enforcement: 'hard' });
      assert.deepEqual(view.limits.cpus, { value: 1, enforcement: 'none' });
      assert.deepEqual(worker.workspaces.get(view.record.id)?.open.spec.requested, ['memory_mb']);
      assert.equal(worker.workspaces.get(view.record.id)?.open.fresh, true);
    }),
  );

  it(
    'says that there is no worker, and when all slots are taken',
    withBench(async bench => {
      const hub = await bench.hub();
      await assert.rejects(newWorkspace(hub), {
        code: 'NO_WORKER_AVAILABLE',
        message: 'no workers available to handle request',
      });
      await bench.worker({ slots: 5 });
      const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => newWorkspace(hub)));
      const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []));
      assert.equal(failures.length, 1);
      assert.equal(failures[0].code, 'CAPACITY_EXCEEDED');
      assert.equal(failures[0].retryable, true);
      assert.ok(failures[0].details.retry_after_seconds > 0);
      assert.equal((await hub.workspaces.list({ limit: 50 }, alice)).total, 5);
    }),
  );

  it(
    'serves 200 clients one after another on five slots, and holds none afterwards',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker({ slots: 5 });
      for (let client = 0; client < 200; client += 1) {
        const { id } = await newWorkspace(hub);
        await hub.workspaces.delete(id, alice);
      }
      assert.equal(worker.workspaces.size, 0);
      assert.deepEqual(await bench.store.workers.slotsUsed(), new Map([[worker.id, 0]]));
    }),
  );

  it(
    'leaves nothing of one that the worker refuses',
    withBench(async bench => {
      const hub = await bench.hub();
      const refuse = () => {
        throw new AppError('LIMIT_UNENFORCEABLE', 'engine scripted can not enforce the limit cpus');
      };
      const worker = await bench.worker({ onOpen: refuse });
      await assert.rejects(newWorkspace(hub), hasCode('LIMIT_UNENFORCEABLE'));
      assert.deepEqual(await bench.store.workers.slotsUsed(), new Map([[worker.id, 0]]));
    }),
  );

  it(
    'puts nothing new on a worker that is drained',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      await hub.workers.drain(worker.id, true);
      await assert.rejects(newWorkspace(hub), hasCode('NO_WORKER_AVAILABLE'));
      await assert.rejects(hub.workers.drain('nobody', true), hasCode('NOT_FOUND'));
    }),
  );

  const big = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, 'v']));
  const refusals: [string, Partial<WorkspaceRequest>, string, RegExp][] = [
    [
      'a limit above the operator’s',
      { limits: { memory_mb: 4096 } },
      'VALIDATION_ERROR',
      /limits\.memory_mb.*2048.*4096/,
    ],
    ['any image', { image: 'debian:12' }, 'IMAGE_NOT_ALLOWED', /debian:12/],
    ['a ttl below a minute', { ttlSeconds: 59 }, 'VALIDATION_ERROR', /ttl_seconds/],
    ['an environment of 101 variables', { env: big }, 'VALIDATION_ERROR', /"env".*101/],
    ['metadata of 33 KiB', { metadata: { k: 'v'.repeat(33 * 1024) } }, 'VALIDATION_ERROR', /"metadata"/],
    ['an IP address', { network: { allow: ['127.0.0.1'] } }, 'VALIDATION_ERROR', /127\.0\.0\.1/],
    ['a host beyond the operator’s bound', { network: { allow: ['evil.test'] } }, 'VALIDATION_ERROR', /evil\.test/],
  ];
  for (const [what, part, code, message] of refusals) {
    it(
      `refuses ${what}`,
      withBench(async bench => {
        const sandbox = { limits: { max: { memory_mb: 2048 } }, network: { max: ['*.example.com'] } };
        const hub = await bench.hub({ config: { sandbox } });
        await bench.worker();
        await assert.rejects(newWorkspace(hub, part), { code, message });
      }),
    );
  }

  it(
    'turns the network policy into rules and shows it as it was asked for',
    withBench(async bench => {
      const hub = await bench.hub({ config: { sandbox: { network: { registries: ['pypi.org'] } } } });
      const worker = await bench.worker();
      const rulesOf = (id: string) => worker.workspaces.get(id)?.open.spec.network.allow;
      assert.deepEqual(rulesOf((await newWorkspace(hub, { network: 'registries' })).id), [
        { host: 'pypi.org', port: 443 },
      ]);
      const allow = ['*.example.com:8443'];
      const view = await hub.workspaces.create({ ...plainRequest, network: { allow } }, callOf());
      assert.deepEqual(view.network, { allow });
      assert.deepEqual(rulesOf(view.record.id), [{ host: '*.example.com', port: 8443 }]);
    }),
  );
});

describe('which workspace a call means', () => {
  const where = { mayCreate: false, tool: 'fs_list' };

  it(
    'is the one that is named',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker();
      const { id } = await newWorkspace(hub);
      const call = callOf({ connection: { id: 'c1' } });
      assert.equal((await hub.workspaces.resolve(id, call, where)).id, id);
    }),
  );

  it(
    'is the default of the connection, made once, whatever the tool',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker();
      const call = callOf({ connection: { id: 'c1' } });
      const all = await Promise.all([1, 2, 3].map(() => hub.workspaces.resolve(undefined, call, where)));
      assert.equal(new Set(all.map(record => record.id)).size, 1);
      assert.equal(all[0]?.connection, 'c1');
      assert.equal(all[0]?.ttlSeconds, 1800);
      const other = await hub.workspaces.resolve(undefined, callOf({ connection: { id: 'c2' } }), where);
      assert.notEqual(other.id, all[0]?.id);
    }),
  );

  it(
    'is a new default after the last one was deleted, and none is left when the connection ends',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const connection = { id: 'c1' };
      const first = await hub.workspaces.resolve(undefined, callOf({ connection }), where);
      await hub.workspaces.delete(first.id, alice);
      const again = await Promise.all(
        [1, 2].map(() => hub.workspaces.resolve(undefined, callOf({ connection }), where)),
      );
      assert.equal(again[0]?.id, again[1]?.id);
      assert.notEqual(again[0]?.id, first.id);
      await hub.workspaces.connectionClosed(connection, alice);
      assert.equal(worker.workspaces.size, 0);
      assert.equal((await hub.workspaces.list({ limit: 5 }, alice)).total, 0);
    }),
  );

  it(
    'is a fresh one where the tool may make it, else it is required',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker();
      const fresh = await hub.workspaces.resolve(undefined, callOf(), { mayCreate: true, tool: 'run_command' });
      assert.equal(fresh.connection, null);
      await assert.rejects(hub.workspaces.resolve(undefined, callOf(), where), {
        code: 'WORKSPACE_REQUIRED',
        message: 'workspace_id is required for fs_list',
      });
      assert.equal((await hub.workspaces.list({ limit: 5 }, alice)).total, 1);
    }),
  );
});

describe('workspaces that exist', () => {
  it(
    'take metadata by merging and by replacing, within the bounds',
    withBench(async bench => {
      const hub = await bench.hub();
      await bench.worker();
      const { id } = await newWorkspace(hub, { metadata: { a: '1', b: '2' } });
      const merged = await hub.workspaces.setMetadata(id, { b: '3', c: '4' }, { replace: false, caller: alice });
      assert.deepEqual(merged.record.metadata, { a: '1', b: '3', c: '4' });
      const replaced = await hub.workspaces.setMetadata(id, { d: '5' }, { replace: true, caller: alice });
      assert.deepEqual(replaced.record.metadata, { d: '5' });
      const large = { e: 'x'.repeat(33 * 1024) };
      await assert.rejects(
        hub.workspaces.setMetadata(id, large, { replace: false, caller: alice }),
        hasCode('VALIDATION_ERROR'),
      );
    }),
  );

  it(
    'are found by state and page, with the total',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const made = [await newWorkspace(hub), await newWorkspace(hub), await newWorkspace(hub)];
      const [stopped] = made;
      assert.ok(stopped);
      await worker.boxChanged(stopped.id, { epoch: 1, generation: 4, state: 'stopped' });
      const first = await hub.workspaces.list({ limit: 1, state: 'ready' }, alice);
      assert.equal(first.total, 2);
      assert.ok(first.nextCursor);
      const second = await hub.workspaces.list({ limit: 1, state: 'ready', cursor: first.nextCursor }, alice);
      const ids = [...first.rows, ...second.rows].map(({ record }) => record.id);
      assert.deepEqual(ids, [made[2]?.id, made[1]?.id]);
      const [only] = (await hub.workspaces.list({ limit: 9, state: 'stopped' }, alice)).rows;
      assert.equal(only?.record.generation, 4);
      assert.equal((await hub.workspaces.list({ limit: 9 }, mallory)).total, 0);
    }),
  );

  it(
    'are gone for every use once deleted, also when their worker cannot be reached',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const { id } = await newWorkspace(hub);
      await worker.crash();
      await hub.workspaces.delete(id, alice);
      await assert.rejects(hub.workspaces.get(id, alice), {
        code: 'WORKSPACE_NOT_FOUND',
        message: `Workspace not found: ${id}`,
      });
      await assert.rejects(hub.workspaces.delete(id, alice), hasCode('WORKSPACE_NOT_FOUND'));
      await assert.rejects(
        hub.workspaces.resolve(id, callOf(), { mayCreate: true, tool: 'run_command' }),
        hasCode('WORKSPACE_NOT_FOUND'),
      );
      assert.deepEqual(await bench.store.workers.slotsUsed(), new Map([[worker.id, 0]]));
    }),
  );

  it(
    'are gone when another hub is deleting them, and are not opened again',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const workspace = await newWorkspace(hub);
      const { id } = workspace;
      await bench.store.workspaces.update(id, 'any', { state: 'draining' });
      worker.workspaces.delete(id);
      await assert.rejects(hub.runs.run(commandRun(workspace, 'true'), callOf()), hasCode('WORKSPACE_NOT_FOUND'));
      assert.equal(worker.workspaces.has(id), false);
    }),
  );

  it(
    'go also when the hub that was deleting them is lost',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { sweepMs: 20 } });
      const worker = await bench.worker();
      const { id } = await newWorkspace(hub);
      await bench.store.workspaces.update(id, 'any', { state: 'draining' });
      await eventually(async () => (await bench.store.workspaces.get(id)) === undefined && !worker.workspaces.has(id));
    }),
  );

  it(
    'pass file requests to their worker and register what these left',
    withBench(async bench => {
      const hub = await bench.hub();
      const { sha256, sizeBytes } = await bench.blobs.put(Buffer.from('bytes'));
      await bench.worker({
        onFile: file => ({
          output: { written: true },
          artifacts: file.kind === 'write' ? [{ path: file.path, sha256, sizeBytes, contentType: 'text/plain' }] : [],
          generation: 1,
        }),
      });
      const workspace = await newWorkspace(hub);
      const file = {
        kind: 'write',
        path: 'artifacts/a-b.txt',
        content: 'bytes',
        encoding: 'utf8',
        createDirs: true,
      } as const;
      assert.deepEqual(await hub.workspaces.file(workspace, file, callOf()), { written: true });
      const found = await hub.artifacts.find('a-b.txt', workspace.id, callOf());
      assert.equal(found.path, 'artifacts/a-b.txt');
      assert.equal((await hub.artifacts.read(found, { start: 1, end: 3 })).toString(), 'yt');
    }),
  );
});
