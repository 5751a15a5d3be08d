import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { NotHere } from '../protocol/link.ts';
import { command, outputOf, python, TestWorker, TestWorkspace } from './test-worker.ts';

const LONG_MS = 30_000;

describe('checkpoints that nobody asked for', () => {
  let worker: TestWorker;
  before(async () => {
    const checkpoints = { auto: 'always', quiet_seconds: 0.1, interval_seconds: 0 };
    worker = await TestWorker.start({ sandbox: { checkpoints } });
  });
  after(() => worker.close());

  const takenOf = (id: string) => worker.heard.checkpoints.filter(({ workspaceId }) => workspaceId === id);
  const restored = async (id: string, manifest: string) => {
    const workspace = await worker.open(id);
    outputOf(await workspace.run({ kind: 'restore', manifest }));
    return workspace;
  };

  it('are taken once it is quiet, hold what was written and run, and build on the one before', async () => {
    const workspace = await worker.open('ws_quiet');
    await workspace.write('a.txt', 'one');
    await eventually(() => takenOf('ws_quiet').length > 0, LONG_MS);
    await workspace.run(python('open("b.txt", "w").write("two")'));
    await eventually(() => (takenOf('ws_quiet').at(-1)?.sequence ?? 0) >= 2, LONG_MS);
    const [first] = takenOf('ws_quiet');
    const last = takenOf('ws_quiet').at(-1);
    assert.deepEqual([first?.parent, first?.sequence, first?.epoch], [null, 1, 1]);
    assert.ok(last && takenOf('ws_quiet').some(({ output }) => output.manifest === last.parent));
    assert.ok(
      first?.output.packs.every(pack => last.output.packs.includes(pack)),
      'the content of a.txt is not stored again',
    );
    const copy = await restored('ws_copy', last.output.manifest);
    assert.deepEqual([await copy.read('a.txt'), await copy.read('b.txt')], ['one', 'two']);
  });

  it('are not taken while something runs, and nothing waits for them', async () => {
    const workspace = await worker.open('ws_busy');
    const run = workspace.run(command('while ! [ -e go ]; do sleep 0.05; done'));
    await worker.open('ws_beside').then(async beside => {
      await beside.write('x', 'x');
      await eventually(() => takenOf('ws_beside').length > 0, LONG_MS);
    });
    assert.equal(takenOf('ws_busy').length, 0);
    await workspace.write('go', '');
    await run;
    await eventually(() => takenOf('ws_busy').length > 0, LONG_MS);
  });

  it('are not built upon when the hub does not want them', async () => {
    worker.hub['checkpoint.taken'] = async () => ({ isKept: false });
    const workspace = await worker.open('ws_unwanted');
    for (const path of ['a', 'b']) {
      const before = takenOf('ws_unwanted').length;
      await workspace.write(path, path);
      await eventually(() => takenOf('ws_unwanted').length > before, LONG_MS);
    }
    worker.hub['checkpoint.taken'] = undefined;
    assert.ok(takenOf('ws_unwanted').every(({ parent }) => parent === null));
  });

  it('are what a workspace is opened with after its worker was lost: before anything else is done there', async () => {
    const workspace = await worker.open('ws_lost');
    await workspace.write('kept.txt', 'kept');
    await eventually(() => takenOf('ws_lost').length > 0, LONG_MS);
    const { output, checkpointId } = takenOf('ws_lost').at(-1) ?? assert.fail('none was taken');
    const found = new TestWorkspace(worker, 'ws_found');
    found.epoch = 2;
    found.restore = { checkpointId, manifest: output.manifest };
    const opening = found.open();
    await eventually(() =>
      found.read('kept.txt').then(
        text => text === 'kept' || assert.fail('it was served before its files were there'),
        error => (error instanceof NotHere ? false : assert.fail(error)),
      ),
    );
    await opening;
    await eventually(() => worker.heard.recovered.length > 0);
    const [told] = worker.heard.recovered;
    assert.deepEqual([told?.workspaceId, told?.epoch, told?.checkpointId], ['ws_found', 2, checkpointId]);
  });

  it('are not taken where they are off, as on a single machine', async () => {
    await worker.stopWorker();
    await worker.startWorker();
    const workspace = await worker.open('ws_off');
    await workspace.write('x', 'x');
    const { checkpoints } = worker.heard;
    const before = checkpoints.length;
    await workspace.run(command('sleep 1'));
    assert.equal(checkpoints.length, before);
  });
});
