import assert from 'node:assert/strict';
import { verifications } from './verify.ts';

verifications('runs', ({ overMcp, overTwo }) => {
  overMcp('tool.run_python', async ({ ok }) => {
    const code = "import os, sys\nprint(sys.argv[1:], input(), os.environ['A'])";
    const run = await ok('run_python', { code, args: ['x', 'y z'], stdin: 'line\n', env: { A: 'b' } });
    assert.equal(run.stdout, "['x', 'y z'] line b\n");
    assert.equal(run.exit_code, 0);
    assert.equal(run.status, 'completed');
    await ok('run_python', { context: 'c1', code: 'total = 40' });
    const cell = await ok('run_python', { context: 'c1', code: "print('hi')\ntotal + 2" });
    assert.equal(cell.result, '42');
    assert.equal(cell.stdout, 'hi\n');
    await ok('fs_write', { path: 'main.py', content: 'import sys\nprint(__name__, sys.argv[1:])' });
    assert.equal((await ok('run_python', { file: 'main.py', args: ['1'] })).stdout, "__main__ ['1']\n");
  });

  overMcp('tool.run_command', async ({ ok }) => {
    await ok('fs_write', { path: 'sub/x', content: 'y' });
    const run = await ok('run_command', {
      command: 'pwd; cat; echo $V; ls',
      cwd: 'sub',
      env: { V: 'v' },
      stdin: 'in\n',
    });
    assert.equal(run.stdout, '/workspace/sub\nin\nv\nx\n');
    assert.equal(run.stdout_bytes, Buffer.byteLength(String(run.stdout)));
    assert.equal(typeof run.duration_ms, 'number');
  });

  overTwo('runs.shell', async ({ ok }) => {
    assert.equal(
      (await ok('run_command', { command: 'echo $((1+1)) | cat; [[ a == a ]] && echo bash' })).stdout,
      '2\nbash\n',
    );
    assert.equal((await ok('run_command', { command: ['echo', '$HOME', '; ls'] })).stdout, '$HOME ; ls\n');
  });

  overMcp('runs.text', async ({ call }) => {
    const { text } = await call('run_command', { command: 'echo out; echo err >&2; exit 3' });
    assert.equal(text.join('\n').split('\n').slice(0, 6).join('\n'), 'Exit Code: 3\nStdout:\nout\n\nStderr:\nerr');
  });

  overMcp('runs.exit_codes', async ({ call, ok }) => {
    const failed = await call('run_python', { code: 'raise SystemExit(7)' });
    assert.equal(failed.isError, false);
    assert.equal(failed.output.exit_code, 7);
    const killed = await ok('run_command', { command: 'kill -TERM $$' });
    assert.equal(killed.exit_code, 143);
    assert.equal(killed.signal, 'SIGTERM');
    const { generation } = await ok('workspace_get');
    const late = await ok('run_command', { command: 'sleep 300 & sleep 300', timeout_seconds: 1 });
    assert.equal(late.timed_out, true);
    assert.equal(late.limit_hit, 'wall');
    // Living ones: the box's first process may take a moment to bury the dead.
    assert.equal((await ok('run_command', { command: 'pgrep -c -r R,S,D,T sleep || true' })).stdout, '0\n');
    assert.equal((await ok('workspace_get')).generation, generation);
  });

  overTwo('runs.truncation', async ({ ok }) => {
    const run = await ok('run_python', { code: "print('a' * 100_000 + 'z' * 100_000, end='')" });
    assert.equal(run.truncated, true);
    assert.equal(run.stdout_bytes, 200_000);
    const stdout = String(run.stdout);
    assert.match(stdout, /^a+\n?\[… \d+ bytes omitted …\]\n?z+$/);
    assert.ok(Buffer.byteLength(stdout.replace(/\[… \d+ bytes omitted …\]/, '')) <= 65_536 + 2);
    const artifacts = Object(run.output_artifacts);
    const whole = await ok('artifact_get', { artifact_id: artifacts.stdout, limit: 1_048_576 });
    assert.equal(whole.size_bytes, 200_000);
    assert.equal(whole.data, 'a'.repeat(100_000) + 'z'.repeat(100_000));
    assert.match(String((await ok('run_command', { command: "printf 'a\\377b'" })).stdout), /^a\ufffdb$/);
  });

  overTwo('runs.output_limit', async ({ peer }) => {
    const { workspace_id } = await peer.ok('workspace_create', { limits: { output_mb: 1 } });
    const run = await peer.ok('run_command', { workspace_id, command: 'yes' });
    assert.equal(run.limit_hit, 'output');
    assert.equal((await peer.ok('run_command', { workspace_id, command: 'echo on' })).stdout, 'on\n');
    await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('runs.background', async ({ ok }) => {
    const run = await ok('run_command', { command: 'sleep 200 & echo started' });
    assert.equal(run.stdout, 'started\n');
    assert.equal(run.timed_out, false);
    assert.equal((await ok('run_command', { command: 'pgrep -c sleep' })).stdout, '1\n');
  });

  overTwo('runs.python_rules', async ({ ok, fails }) => {
    await ok('fs_write', { path: 'helper.py', content: 'value = 5' });
    assert.equal(
      (await ok('run_python', { code: 'import os, helper; print(os.getcwd(), helper.value)' })).stdout,
      '/workspace 5\n',
    );
    await ok('fs_write', { path: 'sub/prog.py', content: 'import helper; print(helper.value)' });
    assert.equal((await ok('run_python', { file: 'sub/prog.py' })).stdout, '5\n');
    for (const args of [
      {},
      { code: '1', file: 'helper.py' },
      { file: 'helper.py', context: 'c' },
      { code: '1', context: 'c', args: ['x'] },
      { code: '1', context: 'a b' },
    ]) {
      assert.equal((await fails('run_python', args)).code, 'VALIDATION_ERROR', JSON.stringify(args));
    }
    assert.equal((await fails('run_python', { file: 'absent.py' })).code, 'FILE_NOT_FOUND');
  });

  overTwo('runs.artifacts', async ({ ok }) => {
    await ok('fs_write', { path: 'artifacts/my-report v1.txt', content: 'one' });
    await ok('run_command', {
      command:
        'printf two > "artifacts/my-report v1.txt"; mkdir artifacts/sub; printf x > artifacts/sub/y.bin; mkfifo artifacts/pipe; ln -s /etc/passwd artifacts/link',
    });
    const byName = await ok('artifact_get', { artifact_id: 'my-report v1.txt' });
    assert.equal(byName.data, 'two');
    assert.match(String(byName.artifact_id), /^art_[a-z0-9]{20,32}$/);
    const listed = await ok('artifact_list');
    assert.ok(Array.isArray(listed.artifacts));
    assert.deepEqual(listed.artifacts.map(artifact => artifact.path).sort(), [
      'artifacts/my-report v1.txt',
      'artifacts/sub/y.bin',
    ]);
  });

  overTwo('tool.artifact_list', async ({ ok }) => {
    for (const name of ['a', 'b', 'c']) await ok('fs_write', { path: `artifacts/${name}.txt`, content: name });
    const page = await ok('artifact_list', { limit: 2 });
    const rest = await ok('artifact_list', { limit: 2, cursor: page.next_cursor });
    assert.ok(Array.isArray(page.artifacts) && Array.isArray(rest.artifacts));
    assert.deepEqual([...page.artifacts, ...rest.artifacts].map(artifact => artifact.name).sort(), [
      'a.txt',
      'b.txt',
      'c.txt',
    ]);
    assert.equal(rest.next_cursor, null);
  });

  overMcp('tool.artifact_get', async ({ ok, peer }) => {
    await ok('run_python', { code: "open('artifacts/data.zip','wb').write(bytes(range(256)))" });
    const whole = await ok('artifact_get', { artifact_id: 'data.zip' });
    assert.equal(whole.content_type, 'application/zip');
    assert.equal(whole.encoding, 'base64');
    assert.deepEqual([...Buffer.from(String(whole.data), 'base64')], [...Array(256).keys()]);
    const slice = await peer.ok('artifact_get', { artifact_id: whole.artifact_id, offset: 250, limit: 4 });
    assert.deepEqual([...Buffer.from(String(slice.data), 'base64')], [250, 251, 252, 253]);
    assert.equal(slice.next_offset, 254);
    assert.equal(slice.truncated, true);
  });

  overTwo('tool.artifact_upload', async ({ ok, fails }) => {
    await ok('fs_write', { path: 'made/here.csv', content: 'a,b' });
    const fromPath = await ok('artifact_upload', { path: 'made/here.csv', labels: { kind: 'table' } });
    assert.equal(fromPath.name, 'here.csv');
    assert.equal(fromPath.content_type, 'text/csv');
    assert.deepEqual(fromPath.labels, { kind: 'table' });
    const fromContent = await ok('artifact_upload', { name: 'note.txt', content: 'text' });
    assert.equal((await ok('artifact_get', { artifact_id: fromContent.artifact_id })).data, 'text');
    assert.match(String(fromContent.download_url), /\/api\/artifacts\/art_[a-z0-9]+\/content$/);
    for (const args of [{}, { path: 'a', content: 'b', name: 'c' }, { content: 'b' }]) {
      assert.equal((await fails('artifact_upload', args)).code, 'VALIDATION_ERROR', JSON.stringify(args));
    }
  });

  overTwo('failure.05', async ({ ok, peer }) => {
    await ok('run_command', { command: 'echo hi > artifacts/my-file-v1.2.txt' });
    const found = await ok('artifact_get', { artifact_id: 'my-file-v1.2.txt' });
    assert.equal((await peer.ok('artifact_get', { artifact_id: found.artifact_id })).data, 'hi\n');
  });

  overTwo('failure.13', async ({ peer }) => {
    const limits = { memory_mb: 64, pids: 32, disk_mb: 32, output_mb: 1, allow_soft: true };
    const { workspace_id } = await peer.ok('workspace_create', { limits });
    const hits: [string, string, string][] = [
      ['wall', 'run_python', 'while True: pass'],
      ['output', 'run_python', "import sys\nwhile True: sys.stdout.write('x' * 65536)"],
      ['oom', 'run_python', 'x = bytearray(10 * 1024 ** 3)\nfor i in range(0, len(x), 4096): x[i] = 1'],
      ['pids', 'run_command', ':(){ :|:& };:; sleep 1; wait'],
      ['disk', 'run_command', 'cat /dev/zero > full'],
    ];
    for (const [hit, tool, program] of hits) {
      const argument = tool === 'run_python' ? { code: program } : { command: program };
      const run = await peer.call(tool, {
        workspace_id,
        timeout_seconds: hit === 'wall' ? 1 : hit === 'pids' ? 5 : 30,
        ...argument,
      });
      const reason = run.isError ? Object(run.error?.details).reason : run.output.limit_hit;
      assert.equal(reason, hit, `${hit}: ${run.text.join('\n').slice(0, 400)}`);
      const next = await peer.ok('run_command', { workspace_id, command: 'rm -f full; echo next' });
      assert.equal(next.stdout, 'next\n', `after ${hit}`);
    }
    await peer.ok('workspace_delete', { workspace_id });
  });

  overTwo('failure.14', async ({ ok }) => {
    const look = [
      "tr '\\0' '\\n' < /proc/1/environ",
      'env',
      'ls -l /proc/self/fd',
      "tr '\\0' '\\n' < /proc/$PPID/environ 2>&1",
    ].join('; ');
    const { stdout } = await ok('run_command', { command: look });
    assert.doesNotMatch(String(stdout), /BOXSWAIN|SERVER_SECRET|\/boxswain-test-/);
    const names = await ok('run_python', { code: 'import os; print(sorted(os.environ))' });
    const allowed = ['HOME', 'LANG', 'LC_CTYPE', 'NODE_PATH', 'PATH', 'PWD', 'SHLVL', 'TMPDIR', '_'];
    for (const name of String(names.stdout).match(/\w+/g) ?? []) assert.ok(allowed.includes(name), name);
  });
});
