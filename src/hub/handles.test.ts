import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newTaskId } from '../ids/ids.ts';
import { AppError } from '../errors/app-error.ts';
import type { Caller } from '../auth/caller.ts';
import type { Hub } from './hub.ts';
import { callOf, commandRun, mallory, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { completed } from '../../test/support/scripted-jobs.ts';

const manifest = 'a'.repeat(64);

type Use = (hub: Hub, id: string, caller: Caller) => Promise<unknown>;

/** Every method of the hub that takes a handle, by the kind of handle. */
const uses: Record<'workspace' | 'task' | 'checkpoint' | 'artifact', Record<string, Use>> = {
  workspace: {
    'workspaces.get': (hub, id, caller) => hub.workspaces.get(id, caller),
    'workspaces.delete': (hub, id, caller) => hub.workspaces.delete(id, caller),
    'workspaces.setMetadata': (hub, id, caller) => hub.workspaces.setMetadata(id, {}, { replace: true, caller }),
    'workspaces.resolve': (hub, id, caller) =>
      hub.workspaces.resolve(id, callOf({ caller }), { mayCreate: true, tool: 'run_command' }),
    'artifacts.find by name': (hub, id, caller) => hub.artifacts.find('a.txt', id, callOf({ caller })),
  },
  task: {
    'tasks.get': (hub, id, caller) => hub.tasks.get(id, caller),
    'tasks.wait': (hub, id, caller) => hub.tasks.wait(id, 1, callOf({ caller })),
    'tasks.cancel': (hub, id, caller) => hub.tasks.cancel(id, 'no', caller),
  },
  checkpoint: {
    'checkpoints.restore': (hub, id, caller) => hub.checkpoints.restore(id, {}, callOf({ caller })),
  },
  artifact: {
    'artifacts.find by id': (hub, id, caller) => hub.artifacts.find(id, undefined, callOf({ caller })),
  },
};

/** The whole error as a wire shows it, with the handle itself taken out. */
async function errorOf(use: Promise<unknown>, id: string): Promise<unknown> {
  const error = await use.then(
    () => undefined,
    thrown => thrown,
  );
  assert.ok(error instanceof AppError, `no error for ${id}`);
  return JSON.parse(JSON.stringify(error.toShape()).replaceAll(id, '<handle>'));
}

describe('a handle of another caller', () => {
  it(
    'answers exactly like one that does not exist, for every method',
    withBench(async bench => {
      const hub = await bench.hub();
      const stored = await bench.blobs.put(Buffer.from('secret'));
      const output = { manifest, packs: [], sizeBytes: 1, fileCount: 1, sha256: manifest, installedPackages: [] };
      await bench.worker({
        script: async job => ({
          ...(job.kind === 'checkpoint' ? { end: { kind: 'completed', output } } : completed()),
          artifacts: job.kind === 'command' ? [{ ...stored, path: 'artifacts/a.txt', contentType: 'text/plain' }] : [],
        }),
      });
      const workspace = await newWorkspace(hub);
      const run = await hub.runs.run(commandRun(workspace, 'x', { waitSeconds: 0 }), callOf());
      assert.ok(run.state === 'pending');
      await hub.tasks.wait(run.task.id, 30, callOf());
      const checkpoint = await hub.checkpoints.create(workspace, {}, callOf());
      const artifact = await hub.artifacts.find('a.txt', workspace.id, callOf());
      const foreign = { workspace: workspace.id, task: run.task.id, checkpoint: checkpoint.id, artifact: artifact.id };
      const unknown = {
        workspace: `ws_${'0'.repeat(24)}`,
        task: newTaskId(),
        checkpoint: `cp_${'0'.repeat(24)}`,
        artifact: `art_${'0'.repeat(24)}`,
      };
      for (const kind of ['workspace', 'task', 'checkpoint', 'artifact'] as const) {
        for (const [name, use] of Object.entries(uses[kind])) {
          const ofForeign = await errorOf(use(hub, foreign[kind], mallory), foreign[kind]);
          const ofUnknown = await errorOf(use(hub, unknown[kind], mallory), unknown[kind]);
          assert.deepEqual(ofForeign, ofUnknown, name);
        }
      }
      const into = { workspaceId: workspace.id };
      await assert.rejects(hub.checkpoints.restore(checkpoint.id, into, callOf({ caller: mallory })), {
        code: 'CHECKPOINT_NOT_FOUND',
      });
      assert.deepEqual((await hub.tasks.list({ limit: 9, workspaceId: workspace.id }, mallory)).rows, []);
      assert.deepEqual((await hub.workspaces.list({ limit: 9 }, mallory)).rows, []);
    }),
  );

  it(
    'is none of a restore: an own checkpoint does not go into a foreign workspace',
    withBench(async bench => {
      const hub = await bench.hub();
      const output = { manifest, packs: [], sizeBytes: 1, fileCount: 1, sha256: manifest, installedPackages: [] };
      await bench.worker({
        script: async job => (job.kind === 'checkpoint' ? { end: { kind: 'completed', output } } : completed()),
      });
      const theirs = await newWorkspace(hub);
      const call = callOf({ caller: mallory });
      const mine = await hub.workspaces.resolve(undefined, call, { mayCreate: true, tool: 'run_command' });
      const { id } = await hub.checkpoints.create(mine, {}, call);
      await assert.rejects(hub.checkpoints.restore(id, { workspaceId: theirs.id }, call), {
        code: 'WORKSPACE_NOT_FOUND',
        message: `Workspace not found: ${theirs.id}`,
      });
    }),
  );
});
