import assert from 'node:assert/strict';
import { connectWire } from '../../support/wires.ts';
import { type Verifier, verifications } from './verify.ts';

/** Name, then read-only, destructive, idempotent, open-world, as in the contract. */
const hints: Record<string, string> = {
  workspace_create: '',
  workspace_list: 'RI',
  workspace_get: 'RI',
  workspace_delete: 'DI',
  workspace_checkpoint: '',
  workspace_restore: 'D',
  workspace_fork: '',
  fs_read: 'RI',
  fs_write: 'DI',
  fs_edit: 'D',
  fs_list: 'RI',
  run_python: 'DO',
  run_command: 'DO',
  pkg_install: 'IO',
  test_run: 'D',
  lint_check: 'I',
  git_clone: 'O',
  git_commit: '',
  artifact_list: 'RI',
  artifact_get: 'RI',
  artifact_upload: '',
  task_get_status: 'RI',
  task_get_result: 'RI',
  task_cancel: 'DI',
  task_list: 'RI',
  echo: 'RI',
};

verifications('shared rules', declare);

function declare({ overMcp, once }: Verifier): void {
  overMcp('tool.echo', async ({ call, peer }) => {
    const answer = await peer.call('echo', { message: 'héllo "there"' });
    assert.deepEqual(answer.output, { message: 'héllo "there"' });
    assert.ok((await call('echo', { message: 1 })).isError);
  });

  overMcp('shared.names', async ({ peer, ok }) => {
    const { tools } = await peer.client.listTools();
    assert.deepEqual(tools.map(tool => tool.name).sort(), Object.keys(hints).sort());
    for (const { name } of tools) assert.match(name, /^[a-zA-Z0-9_-]{1,64}$/);
    assert.ok(Array.isArray((await ok('fs.list', {})).entries));
    await assert.rejects(peer.client.callTool({ name: 'fs.nothing', arguments: {} }), /-32602|Unknown tool/);
  });

  overMcp('shared.hints', async ({ peer }) => {
    const { tools } = await peer.client.listTools();
    for (const tool of tools) {
      const { title, readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = { ...tool.annotations };
      assert.ok(tool.title ?? title, `${tool.name} has a title`);
      const letters = [readOnlyHint && 'R', destructiveHint && 'D', idempotentHint && 'I', openWorldHint && 'O']
        .filter(Boolean)
        .join('');
      assert.equal(letters, hints[tool.name], tool.name);
      for (const hint of [readOnlyHint, destructiveHint, idempotentHint, openWorldHint])
        assert.equal(typeof hint, 'boolean', tool.name);
      assert.ok(tool.outputSchema, `${tool.name} has an output schema`);
    }
  });

  overMcp('shared.strict', async ({ fails }) => {
    const unknown = await fails('fs_read', { path: 'a', colour: 'red' });
    assert.equal(unknown.code, 'VALIDATION_ERROR');
    assert.match(unknown.message, /colour/);
    for (const valid of ['path', 'offset', 'limit', 'encoding', 'workspace_id'])
      assert.match(`${unknown.message} ${unknown.hint}`, new RegExp(valid));
    for (const args of [
      { path: 'a', limit: 0 },
      { path: 'a', limit: 1_048_577 },
      { path: 'a', offset: -1 },
      { path: 'a', offset: 1.5 },
      { path: 'a', encoding: 'latin1' },
      { path: 7 },
    ]) {
      assert.equal((await fails('fs_read', args)).code, 'VALIDATION_ERROR', JSON.stringify(args));
    }
  });

  overMcp('shared.missing', async ({ fails }) => {
    assert.equal((await fails('fs_read', {})).message, 'required argument "path" not found');
    assert.equal((await fails('run_command', {})).message, 'required argument "command" not found');
  });

  overMcp('shared.success', async ({ call }) => {
    const listed = await call('artifact_list', {});
    assert.deepEqual(JSON.parse(listed.text[0] ?? ''), listed.output);
  });

  overMcp('shared.failure', async ({ call }) => {
    const failed = await call('fs_read', { path: 'absent' });
    assert.equal(failed.isError, true);
    assert.deepEqual(failed.output, {});
    const { code, message, hint, retryable, details } = failed.error ?? assert.fail('no error object');
    assert.deepEqual([code, retryable, typeof details], ['FILE_NOT_FOUND', false, 'object']);
    assert.equal(failed.text[0], `${code}: ${message}\nHint: ${hint}`);
  });

  overMcp('shared.no_internals', async ({ call }) => {
    for (const [tool, args] of [
      ['fs_read', { path: 'absent' }],
      ['fs_read', { path: '../../etc/passwd' }],
      ['run_python', { file: 'absent.py' }],
      ['git_commit', { message: 'x', path: 'artifacts' }],
      ['pkg_install', { packages: '--help' }],
      ['artifact_get', { artifact_id: 'absent' }],
    ] as const) {
      const { isError, text, error } = await call(tool, args);
      assert.equal(isError, true, tool);
      assert.doesNotMatch(
        `${text.join()} ${JSON.stringify(error)}`,
        /\n\s+at |\/tmp\/|\/var\/lib|node_modules|boxswain-test/,
      );
    }
  });

  overMcp('shared.foreign_handles', async ({ peer }) => {
    const id = 'a'.repeat(24);
    const uuid = '00000000-0000-4000-8000-000000000000';
    for (const [tool, args, code] of [
      ['workspace_get', { workspace_id: `ws_${id}` }, 'WORKSPACE_NOT_FOUND'],
      ['workspace_restore', { checkpoint_id: `cp_${id}` }, 'CHECKPOINT_NOT_FOUND'],
      ['artifact_get', { artifact_id: `art_${id}` }, 'ARTIFACT_NOT_FOUND'],
      ['task_get_status', { task_id: uuid }, 'TASK_NOT_FOUND'],
      ['task_cancel', { task_id: uuid }, 'TASK_NOT_FOUND'],
    ] as const) {
      assert.equal((await peer.fails(tool, args)).code, code, tool);
    }
  });

  overMcp('error.NOT_FOUND', async ({ fails, peer }) => {
    assert.equal((await fails('fs_read', { path: 'absent' })).code, 'FILE_NOT_FOUND');
    assert.equal((await peer.fails('task_get_status', { task_id: 'T' })).message, 'Task not found: T');
    assert.equal((await fails('artifact_get', { artifact_id: 'absent.txt' })).code, 'ARTIFACT_NOT_FOUND');
  });

  overMcp('error.VALIDATION_ERROR', async ({ fails }) => {
    for (const args of [{}, { code: '1', file: 'a' }]) {
      assert.equal((await fails('run_python', args)).message, "must provide either 'code' or 'file' parameter");
    }
  });

  overMcp('shared.always_listed', async ({ peer }) => {
    const names = (await peer.client.listTools()).tools.map(tool => tool.name);
    for (const name of ['echo', 'task_get_status', 'task_get_result', 'task_cancel', 'task_list'])
      assert.ok(names.includes(name), name);
  });

  overMcp('shared.selection', async ({ peer, wire, url }) => {
    const all = (await peer.client.listTools()).tools.length;
    if (wire.startsWith('stdio')) return assert.equal(all, 26);
    const readOnly = await connectWire(wire, { url, headers: { 'X-MCP-Readonly': 'true' } });
    const listed = (await readOnly.client.listTools()).tools;
    assert.ok(listed.length > 0 && listed.every(tool => tool.annotations?.readOnlyHint));
    await assert.rejects(readOnly.client.callTool({ name: 'workspace_create', arguments: {} }), /Unknown tool/);
    await readOnly.close();
    const core = await connectWire(wire, { url, headers: { 'X-MCP-Toolsets': 'core' } });
    assert.ok((await core.client.listTools()).tools.length < all);
    await core.close();
  });

  once('http.health', async server => {
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(`${server.url}${path}`)).status, 200, path);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metrics, /^boxswain_workers [1-9]\d*$/m);
    for (const name of ['workspaces', 'tasks_unfinished', 'runs_unfinished'])
      assert.match(metrics, new RegExp(`^boxswain_${name} \\d+$`, 'm'));
  });
}
