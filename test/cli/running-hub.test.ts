import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, runCli, scratchDirectory, startServer } from '../support/server.ts';
import { connectWire } from '../support/wires.ts';

const workspaceSchema = z.looseObject({ workspace_id: z.string(), worker_id: z.string(), is_default: z.boolean() });
const listSchema = z.looseObject({ workspaces: z.array(workspaceSchema), total: z.number() });
const workersSchema = z.looseObject({ workers: z.array(z.looseObject({ worker_id: z.string() })) });

const LIMIT = { timeout: 90_000 };

describe('with a hub that runs on the directory', () => {
  let scratch: { path: string; remove(): Promise<void> };
  let server: RunningServer;
  before(async () => {
    scratch = await scratchDirectory();
    server = await startServer({ directory: scratch.path });
  }, LIMIT);
  after(async () => {
    await server.stop();
    await scratch.remove();
  }, LIMIT);

  const ask = async (path: string): Promise<unknown> => (await fetch(`${server.url}${path}`)).json();
  const workspaces = async () => listSchema.parse(await ask('/api/workspaces'));
  const workerIds = async () =>
    workersSchema.parse(await ask('/api/workers')).workers.map(({ worker_id }) => worker_id);
  const cli = (...words: string[]) => runCli([...words, '--directory', scratch.path]);

  test('two mcp processes share it, each with a default workspace of its own', LIMIT, async () => {
    const peers = await Promise.all([
      connectWire('stdio, legacy', { directory: scratch.path }),
      connectWire('stdio, modern', { directory: scratch.path, asksAside: true }),
    ]);
    const [first, second] = peers;
    try {
      await first.ok('fs_write', { path: 'mine', content: 'of the first' });
      await second.ok('fs_write', { path: 'mine', content: 'of the second' });
      assert.equal((await first.ok('fs_read', { path: 'mine' })).content, 'of the first');
      assert.equal((await second.ok('fs_read', { path: 'mine' })).content, 'of the second');
      const [one, two] = await Promise.all(
        peers.map(async peer => workspaceSchema.parse(await peer.ok('workspace_get'))),
      );
      assert.ok(one?.is_default && two?.is_default);
      assert.notEqual(one.workspace_id, two.workspace_id);
      const ids = (await workspaces()).workspaces.map(({ workspace_id }) => workspace_id);
      assert.deepEqual(ids.sort(), [one.workspace_id, two.workspace_id].sort());
      // A process with a hub of its own would have brought its own worker.
      assert.deepEqual(await workerIds(), [one.worker_id]);
      assert.equal(two.worker_id, one.worker_id);

      await first.close();
      await eventually(async () => (await workspaces()).total === 1);
      assert.equal((await second.ok('fs_read', { path: 'mine' })).content, 'of the second');
    } finally {
      await Promise.all(peers.map(peer => peer.close()));
    }
    await eventually(async () => (await workspaces()).total === 0);
  });

  test('commands reach it: what one defines in a context, the next one sees', LIMIT, async () => {
    const created = workspaceSchema.parse(JSON.parse((await cli('sandbox', 'create', '--json')).stdout));
    assert.deepEqual(await workerIds(), [created.worker_id]);
    const at = ['--workspace', created.workspace_id, '--context', 'c'];
    assert.equal((await cli('sandbox', 'python', ...at, 'x = 6 * 7')).code, 0);
    assert.equal((await cli('sandbox', 'python', ...at, 'print(x)')).stdout, '42\n');
    const listed = JSON.parse((await cli('sandbox', 'list', '--json')).stdout);
    assert.deepEqual(listed, await workspaces());
    assert.equal((await cli('sandbox', 'delete', created.workspace_id)).code, 0);
    assert.equal((await workspaces()).total, 0);
    const absent = await cli('sandbox', 'get', '--workspace', created.workspace_id);
    assert.equal(absent.code, 3);
    assert.match(absent.stderr, /^error: .+ \[WORKSPACE_NOT_FOUND\]\nhint: .+\n$/);
  });

  test('a socket that others may open is not trusted', LIMIT, async () => {
    for (const [socket, ...words] of [
      ['hub.sock', 'sandbox', 'list'],
      ['mcp.sock', 'mcp'],
    ] as const) {
      const path = join(scratch.path, socket);
      await chmod(path, 0o666);
      const refused = await cli(...words);
      await chmod(path, 0o600);
      assert.equal(refused.code, 4, refused.stderr);
      assert.match(refused.stderr, new RegExp(`POLICY_DENIED.*\\nhint: .*${socket}`));
      assert.ok(!refused.stderr.includes(scratch.path), refused.stderr);
    }
  });

  test(
    'when it dies, mcp processes end, commands start a hub of their own, and the next serve takes over',
    LIMIT,
    async () => {
      const peer = await connectWire('stdio, legacy', { directory: scratch.path });
      await peer.ok('echo', { message: 'here' });
      const ended = new Promise<void>(resolve => {
        peer.client.onclose = resolve;
      });
      await server.kill();
      await ended;
      await peer.close();
      assert.equal((await cli('sandbox', 'list', '--json')).code, 0);
      server = await startServer({ directory: scratch.path });
      const again = await connectWire('stdio, legacy', { directory: scratch.path });
      await again.ok('fs_write', { path: 'a', content: 'x' });
      assert.equal((await workspaces()).total, 1);
      await again.close();
    },
  );

  test('a second serve on the directory leaves the sockets to the first', LIMIT, async () => {
    const second = await startServer({ directory: scratch.path });
    await second.stop();
    assert.match(second.log(), /serves its socket already/);
    const created = workspaceSchema.parse(JSON.parse((await cli('sandbox', 'create', '--json')).stdout));
    assert.deepEqual(await workerIds(), [created.worker_id]);
  });
});
