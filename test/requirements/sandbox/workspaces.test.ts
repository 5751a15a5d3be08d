import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { verifications } from './verify.ts';

verifications('workspaces', ({ overMcp, overTwo }) => {
  overMcp('tool.workspace_create', async ({ peer }) => {
    const request = {
      name: 'mine',
      ttl_seconds: 600,
      env: { A: 'b' },
      metadata: { team: 'x' },
      idempotency_key: `key ${Math.random()}`,
    };
    const created = await peer.ok('workspace_create', request);
    assert.match(String(created.workspace_id), /^ws_[a-z0-9]{20,32}$/);
    assert.equal(created.name, 'mine');
    assert.equal(created.network, 'off');
    assert.equal(created.engine, 'bubblewrap');
    assert.deepEqual(created.metadata, { team: 'x' });
    assert.equal(created.is_default, false);
    for (const key of ['created_at', 'last_activity_at', 'expires_at'])
      assert.match(String(created[key]), /^\d{4}-.*\.\d{3}Z$/);
    assert.equal((await peer.ok('workspace_create', request)).workspace_id, created.workspace_id);
    assert.equal((await peer.fails('workspace_create', { ...request, name: 'other' })).code, 'IDEMPOTENCY_CONFLICT');
    await peer.ok('workspace_delete', { workspace_id: created.workspace_id });
  });

  overMcp('tool.workspace_list', async ({ peer }) => {
    const ids: unknown[] = [];
    for (let i = 0; i < 3; i++) ids.push((await peer.ok('workspace_create', {})).workspace_id);
    const seen: string[] = [];
    let cursor: unknown;
    do {
      const page: Record<string, unknown> = await peer.ok('workspace_list', {
        limit: 2,
        ...(cursor ? { cursor } : {}),
      });
      assert.ok(Array.isArray(page.workspaces) && Number(page.total) >= 3);
      seen.push(...page.workspaces.map(workspace => workspace.workspace_id));
      cursor = page.next_cursor;
    } while (cursor);
    for (const id of ids) assert.equal(seen.filter(other => other === id).length, 1);
    for (const workspace_id of ids) await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('tool.workspace_get', async ({ ok, workspaceId }) => {
    await ok('run_python', { context: 'c', code: 'x = 1' });
    await ok('workspace_checkpoint', { name: 'one' });
    const got = await ok('workspace_get');
    assert.equal(got.workspace_id, workspaceId);
    assert.ok(Number(Object(got.usage).memory_bytes) > 0);
    assert.equal(Object(got.checkpoints)[0].name, 'one');
    assert.equal(Object(got.contexts)[0].name, 'c');
    assert.ok(Object(got.recent_tasks).length >= 1);
  });

  overTwo('tool.workspace_delete', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', {});
    await peer.ok('fs_write', { workspace_id, path: 'a', content: 'kept' });
    const deleted = await peer.ok('workspace_delete', { workspace_id, checkpoint: true });
    assert.equal(deleted.deleted, true);
    const back = await peer.ok('workspace_restore', { checkpoint_id: deleted.checkpoint_id });
    assert.equal((await peer.ok('fs_read', { workspace_id: back.workspace_id, path: 'a' })).content, 'kept');
    await peer.ok('workspace_delete', { workspace_id: back.workspace_id });
    assert.equal((await peer.fails('workspace_get', { workspace_id })).code, 'WORKSPACE_NOT_FOUND');
  });

  overTwo('tool.workspace_checkpoint', async ({ ok }) => {
    await ok('fs_write', { path: 'a', content: 'one' });
    const checkpoint = await ok('workspace_checkpoint', { name: 'first' });
    assert.match(String(checkpoint.checkpoint_id), /^cp_/);
    assert.equal(checkpoint.name, 'first');
    assert.match(String(checkpoint.sha256), /^[0-9a-f]{64}$/);
    assert.equal(checkpoint.parent_checkpoint_id, null);
    const second = await ok('workspace_checkpoint', {});
    assert.equal(second.parent_checkpoint_id, checkpoint.checkpoint_id);
  });

  overTwo('tool.workspace_restore', async ({ ok, peer }) => {
    await ok('fs_write', { path: 'a', content: 'one' });
    const { checkpoint_id } = await ok('workspace_checkpoint', {});
    const restored = await peer.ok('workspace_restore', { checkpoint_id });
    assert.equal(restored.restored_from, checkpoint_id);
    assert.equal((await peer.ok('fs_read', { workspace_id: restored.workspace_id, path: 'a' })).content, 'one');
    await peer.ok('workspace_delete', { workspace_id: restored.workspace_id });
  });

  overTwo('tool.workspace_fork', async ({ ok, peer, workspaceId }) => {
    await ok('fs_write', { path: 'a', content: 'one' });
    const forked = await ok('workspace_fork', { count: 2 });
    assert.equal(forked.forked_from, workspaceId);
    assert.ok(Array.isArray(forked.workspaces) && forked.workspaces.length === 2);
    await ok('fs_write', { path: 'a', content: 'changed' });
    for (const { workspace_id } of forked.workspaces) {
      assert.equal((await peer.ok('fs_read', { workspace_id, path: 'a' })).content, 'one');
      await peer.ok('workspace_delete', { workspace_id });
    }
  });

  overTwo('workspace.empty', async ({ ok }) => {
    const { entries } = await ok('fs_list', { recursive: true });
    assert.ok(Array.isArray(entries));
    assert.deepEqual(
      entries.map(({ path, type }) => [path, type]),
      [['artifacts', 'dir']],
    );
  });

  overMcp('workspace.default', async ({ peer, another, wire }) => {
    if (wire === 'http, modern') {
      const error = await peer.fails('fs_list', {});
      assert.equal(error.code, 'WORKSPACE_REQUIRED');
      return;
    }
    const other = await another();
    const mine = await peer.ok('fs_write', { path: 'mine.txt', content: 'x' });
    assert.equal((await peer.ok('fs_read', { path: 'mine.txt' })).workspace_id, mine.workspace_id);
    assert.equal((await peer.ok('workspace_get', {})).is_default, true);
    assert.equal((await other.fails('fs_read', { path: 'mine.txt' })).code, 'FILE_NOT_FOUND');
  });

  overMcp('workspace.default_ends', async ({ another, peer, wire }) => {
    const other = await another();
    const { workspace_id } = await other.ok('fs_write', { path: 'a', content: 'x' });
    if (wire.startsWith('stdio')) return other.close();
    await other.close();
    if (wire === 'http, legacy')
      await eventually(async () => (await peer.call('workspace_get', { workspace_id })).isError);
    else assert.equal((await peer.call('workspace_get', { workspace_id })).isError, false);
  });

  overTwo('workspace.died', async ({ call, ok }) => {
    const before = await ok('workspace_get');
    await ok('run_command', { command: 'true' });
    const died = await call('run_command', { command: 'kill -9 -1; sleep 5' });
    const later = await ok('run_command', { command: 'echo back' });
    assert.equal(later.stdout, 'back\n');
    if (died.isError) {
      assert.equal(died.error?.code, 'SANDBOX_DIED');
      assert.equal(Object(died.error?.details).reason, 'killed');
      assert.ok(Number((await ok('workspace_get')).generation) > Number(before.generation));
    } else assert.notEqual(died.output.exit_code, 0);
  });

  overTwo('workspace.context_lost', async ({ call, fails, ok }) => {
    await ok('run_python', { context: 'c', code: 'x = 1' });
    const { checkpoint_id } = await ok('workspace_checkpoint', {});
    await ok('workspace_restore', { checkpoint_id });
    const lost = await fails('run_python', { context: 'c', code: 'x' });
    assert.equal(lost.code, 'CONTEXT_LOST');
    assert.match(lost.message, /c/);
    const again = await call('run_python', { context: 'c', code: 'x' });
    assert.match(String(again.output.stderr), /NameError/);
  });

  overTwo('workspace.delete_any_state', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', {});
    const { task_id } = await peer.ok('run_command', { workspace_id, command: 'sleep 100', wait_seconds: 0 });
    await peer.ok('workspace_delete', { workspace_id });
    assert.equal((await peer.ok('task_get_status', { task_id })).status, 'cancelled');
    for (const tool of ['workspace_get', 'fs_list', 'workspace_delete', 'workspace_checkpoint']) {
      assert.equal((await peer.fails(tool, { workspace_id })).code, 'WORKSPACE_NOT_FOUND', tool);
    }
  });

  overTwo('workspace.checkpoint_content', async ({ peer }) => {
    const made = await peer.ok('workspace_create', { env: { COLOUR: 'blue' }, metadata: { a: 'b' } });
    const { workspace_id } = made;
    await peer.ok('run_command', {
      workspace_id,
      command: 'echo x > run.sh; chmod 750 run.sh; ln -s run.sh link; mkdir -p e/m/p/t/y; sleep 200 &',
    });
    const { checkpoint_id } = await peer.ok('workspace_checkpoint', { workspace_id });
    const back = await peer.ok('workspace_restore', { checkpoint_id });
    assert.deepEqual(back.metadata, { a: 'b' });
    const command =
      'stat -c %a run.sh; readlink link; test -d e/m/p/t/y && echo dir; echo $COLOUR; pgrep -c -r R,S,D,T sleep || true';
    const look = await peer.ok('run_command', { workspace_id: back.workspace_id, command });
    assert.equal(look.stdout, '750\nrun.sh\ndir\nblue\n0\n');
    for (const id of [workspace_id, back.workspace_id]) await peer.ok('workspace_delete', { workspace_id: id });
  });

  overTwo('workspace.checkpoint_keep', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', {});
    const ids: unknown[] = [];
    for (let i = 0; i < 12; i++) {
      await peer.ok('fs_write', { workspace_id, path: 'n', content: String(i) });
      ids.push((await peer.ok('workspace_checkpoint', { workspace_id })).checkpoint_id);
    }
    const { checkpoints } = await peer.ok('workspace_get', { workspace_id });
    assert.ok(Array.isArray(checkpoints));
    assert.deepEqual(
      checkpoints.map(checkpoint => checkpoint.checkpoint_id),
      ids.slice(2).reverse(),
    );
    assert.equal((await peer.fails('workspace_restore', { checkpoint_id: ids[0] })).code, 'CHECKPOINT_NOT_FOUND');
    await peer.ok('workspace_delete', { workspace_id });
    const back = await peer.ok('workspace_restore', { checkpoint_id: ids[11] });
    assert.equal((await peer.ok('fs_read', { workspace_id: back.workspace_id, path: 'n' })).content, '11');
    await peer.ok('workspace_delete', { workspace_id: back.workspace_id });
  });

  overTwo('workspace.restore_in_place', async ({ ok, fails, workspaceId }) => {
    await ok('fs_write', { path: 'a', content: 'old' });
    const { checkpoint_id } = await ok('workspace_checkpoint', {});
    await ok('fs_write', { path: 'a', content: 'new' });
    await ok('fs_write', { path: 'b', content: 'extra' });
    const before = Number((await ok('workspace_get')).generation);
    const restored = await ok('workspace_restore', { checkpoint_id });
    assert.equal(restored.workspace_id, workspaceId);
    assert.equal((await ok('fs_read', { path: 'a' })).content, 'old');
    assert.equal((await fails('fs_read', { path: 'b' })).code, 'FILE_NOT_FOUND');
    assert.ok(Number((await ok('workspace_get')).generation) > before);
  });

  overTwo('workspace.limits', async ({ peer }) => {
    const { workspace_id, limits } = await peer.ok('workspace_create', {
      limits: { memory_mb: 256, allow_soft: true },
    });
    const memory = Object(limits).memory_mb;
    assert.equal(memory.value, 256);
    assert.match(memory.enforcement, /^(hard|soft|none)$/);
    assert.deepEqual(Object.keys(Object(limits)).sort(), [
      'cpus',
      'disk_mb',
      'memory_mb',
      'output_mb',
      'pids',
      'wall_seconds',
    ]);
    assert.equal((await peer.fails('workspace_create', { limits: { memory_mb: 1 } })).code, 'VALIDATION_ERROR');
    await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('workspace.timeout_bound', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', { limits: { wall_seconds: 10 } });
    const error = await peer.fails('run_command', { workspace_id, command: 'true', timeout_seconds: 11 });
    assert.equal(error.code, 'VALIDATION_ERROR');
    assert.match(error.message, /timeout_seconds/);
    await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('workspace.nproc', async ({ ok }) => {
    assert.equal((await ok('run_command', { command: 'nproc' })).stdout, '1\n');
  });

  overTwo('network.off', async ({ ok }) => {
    const code = [
      'import socket',
      "for target in [('127.0.0.1', 4097), ('1.1.1.1', 443), ('example.com', 443)]:",
      '    try:',
      '        socket.create_connection(target, 2); print("reached", target)',
      '    except OSError as error: print(type(error).__name__)',
    ].join('\n');
    assert.doesNotMatch(String((await ok('run_python', { code })).stdout), /reached/);
  });

  overTwo('network.allow', async ({ peer }) => {
    for (const host of [
      '10.0.0.1',
      '*',
      '*.',
      'http://a.example',
      'a.example:0',
      'a b',
      '*.*.example',
      '[::1]',
      'a.example:70000',
    ]) {
      const error = await peer.fails('workspace_create', { network: { allow: [host] } });
      assert.equal(error.code, 'VALIDATION_ERROR', host);
    }
    const made = await peer.ok('workspace_create', { network: { allow: ['api.example.com', '*.example.org:8443'] } });
    assert.deepEqual(Object(made.network).allow, ['api.example.com', '*.example.org:8443']);
    await peer.ok('workspace_delete', { workspace_id: made.workspace_id });
  });

  overTwo('network.denied', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', { network: { allow: ['api.example.com'] } });
    const code = [
      'import urllib.request',
      "proxy = urllib.request.ProxyHandler({'http': 'http://127.0.0.1:3128', 'https': 'http://127.0.0.1:3128'})",
      'opener = urllib.request.build_opener(proxy)',
      "try: opener.open('http://evil.example/', timeout=5)",
      'except Exception as error: print(error)',
    ].join('\n');
    const run = await peer.ok('run_python', { workspace_id, code });
    assert.match(String(run.stdout), /403/);
    const denied = Object(run.network_denied)[0];
    assert.equal(denied.host, 'evil.example');
    assert.equal(denied.port, 80);
    assert.ok(denied.reason.length > 10);
    await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('workspace.environment', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', { env: { FROM: 'workspace', BOTH: '1' } });
    const run = await peer.ok('run_command', {
      workspace_id,
      env: { CALL: 'call', BOTH: '2' },
      command: 'echo $FROM $CALL $BOTH; echo $HOME $LANG $TMPDIR',
    });
    assert.equal(run.stdout, 'workspace call 2\n/workspace C.UTF-8 /tmp\n');
    await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('feature.metadata', async ({ peer }) => {
    const made = await peer.ok('workspace_create', { metadata: { ticket: '42' } });
    assert.deepEqual((await peer.ok('workspace_get', { workspace_id: made.workspace_id })).metadata, { ticket: '42' });
    await peer.ok('workspace_delete', { workspace_id: made.workspace_id });
  });

  overTwo('feature.unchanged_not_stored', async ({ ok }) => {
    await ok('run_python', { code: "open('big', 'wb').write(bytes(1000000))" });
    const first = await ok('workspace_checkpoint', {});
    const second = await ok('workspace_checkpoint', {});
    assert.equal(first.sha256, second.sha256);
  });

  overTwo('failure.06', async ({ ok, peer }) => {
    await ok('artifact_upload', { name: 'x.txt', content: 'x' });
    const { checkpoint_id } = await ok('workspace_checkpoint', {});
    const back = await peer.ok('workspace_restore', { checkpoint_id });
    const { task_id } = await ok('run_command', { command: 'sleep 50', wait_seconds: 0 });
    assert.equal((await peer.ok('task_cancel', { task_id })).cancelled, true);
    await peer.ok('workspace_delete', { workspace_id: back.workspace_id });
  });

  overMcp('failure.01', async ({ peer, another, wire }) => {
    if (wire === 'http, modern') return;
    const other = await another();
    const [first, second] = await Promise.all([peer, other].map(each => each.ok('run_command', { command: 'pwd' })));
    assert.notEqual(first?.workspace_id, second?.workspace_id);
  });

  overMcp('error.SANDBOX_DIED', async ({ call, ok }) => {
    const killer =
      "import os, signal\nfor pid in os.listdir('/proc'):\n  if pid.isdigit() and int(pid) not in (os.getpid(),):\n    try: os.kill(int(pid), signal.SIGKILL)\n    except OSError: pass\nimport time; time.sleep(5)";
    const died = await call('run_python', { code: killer });
    assert.equal(died.error?.code, 'SANDBOX_DIED');
    assert.equal(Object(died.error?.details).reason, 'killed');
    assert.equal(died.error?.retryable, true);
    assert.equal((await ok('run_python', { code: 'print(1)' })).stdout, '1\n');
  });
});
