import assert from 'node:assert/strict';
import type { CallResult } from '../../support/wires.ts';
import { upstreamEnv } from './upstreams.ts';
import { type McpSubject, verifications } from './verify.ts';

const HELLO = 'print("Hello from Boxswain")\nprint("2 + 2 =", 2 + 2)\n';
const ZIP = "import zipfile\nwith zipfile.ZipFile('artifacts/hello-package.zip', 'w') as z: z.write('hello.py')";

/** Calls without naming a workspace where the connection has a default one; else in the subject's. */
function caller({ peer, wire, workspaceId }: McpSubject, extra: Record<string, unknown> = {}) {
  const where = wire === 'http, modern' ? { workspace_id: workspaceId } : {};
  return async (tool: string, args: Record<string, unknown>): Promise<CallResult> => {
    const first = await peer.call(tool, { ...(tool === 'echo' ? {} : where), ...args, ...extra });
    if (extra.wait_seconds !== 0 || first.isError || !first.output.task_id) return first;
    for (;;) {
      const polled = await peer.call('task.get_result', { task_id: first.output.task_id, wait_seconds: 5 });
      if (polled.output.done !== true && !polled.isError) continue;
      return { ...polled, output: Object(polled.output.result) };
    }
  };
}

verifications(
  'golden cases',
  ({ overMcp, overTwo }) => {
    overMcp('golden.P1', async ({ peer, wire }) => {
      assert.equal(peer.client.getServerVersion()?.name, 'boxswain');
      if (wire !== 'http, legacy') return;
      const transport = peer.client.transport;
      assert.ok(transport && 'sessionId' in transport && transport.sessionId, 'there is an mcp-session-id');
    });

    overMcp('golden.P2', async ({ peer }) => {
      const names = (await peer.client.listTools()).tools.map(tool => tool.name);
      const earlier =
        'echo fs_read fs_write fs_list run_python pkg_install artifact_get task_get_result task_get_status test_run lint_check git_clone git_commit artifact_list artifact_upload';
      for (const name of earlier.split(' ')) assert.ok(names.includes(name), name);
    });

    overMcp('golden.P3', async subject => {
      const call = caller(subject);
      assert.equal((await call('echo', { message: 'hi' })).output.message, 'hi');
      await call('fs.write', { path: 'x', content: '' });
      assert.equal((await call('fs.list', { path: '' })).isError, false);
    });

    overMcp('golden.P4', async subject => {
      const wrote = await caller(subject)('fs.write', { path: 'hello.py', contents: HELLO });
      assert.equal(wrote.text[0], `Wrote ${HELLO.length} bytes to hello.py`);
    });

    overMcp('golden.P5', async subject => {
      const call = caller(subject);
      await call('fs.write', { path: 'hello.py', contents: HELLO });
      const run = await call('run.python', { file: 'hello.py' });
      assert.equal(run.output.exit_code, 0);
      assert.equal(run.output.stdout, 'Hello from Boxswain\n2 + 2 = 4\n');
    });

    overMcp('golden.P6', async subject => {
      const call = caller(subject);
      await call('fs.write', { path: 'hello.py', contents: HELLO });
      const read = await call('fs.read', { path: 'hello.py' });
      assert.equal(read.output.content, HELLO);
      assert.equal(read.text[0], HELLO);
    });

    overMcp('golden.P7', async subject => {
      const call = caller(subject);
      await call('fs.write', { path: 'hello.py', contents: HELLO });
      assert.match((await call('fs.list', {})).text[0] ?? '', /^hello\.py \(file, \d+ bytes\)$/m);
    });

    overMcp('golden.P8', async subject => {
      const installed = await caller(subject)('pkg.install', { packages: 'requests' });
      const found = Object(installed.output.installed).find((each: { name: string }) => each.name === 'requests');
      assert.match(found.version, /^\d+\./);
      assert.match(installed.text[0] ?? '', /^Installed: requests \(version: \d/m);
    });

    overMcp('golden.P9', async subject => {
      const call = caller(subject);
      const installed = await call('pkg.install', { packages: 'requests' });
      const version = Object(installed.output.installed).find(
        (each: { name: string }) => each.name === 'requests',
      ).version;
      const run = await call('run.python', { code: 'import requests; print(requests.__version__)' });
      assert.equal(run.output.stdout, `${version}\n`);
    });

    overMcp('golden.P10', async ({ peer }) => {
      const { text, output } = await peer.call('echo', { message: 'exactly this' });
      assert.equal(output.message, 'exactly this');
      assert.match(text[0] ?? '', /exactly this/);
    });

    overMcp('golden.P11', async subject => {
      const call = caller(subject);
      await call('fs.write', { path: 'hello.py', contents: HELLO });
      assert.equal((await call('run.python', { code: ZIP })).output.exit_code, 0);
      const listed = await call('artifact.list', {});
      assert.equal(Object(listed.output.artifacts)[0].path, 'artifacts/hello-package.zip');
    });

    overMcp('golden.P12', async subject => {
      const call = caller(subject);
      await call('fs.write', { path: 'hello.py', contents: HELLO });
      await call('run.python', { code: ZIP });
      const got = await call('artifact.get', { artifact_id: 'hello-package.zip' });
      assert.equal(got.output.content_type, 'application/zip');
      const read = await call('fs.read', { path: 'artifacts/hello-package.zip', encoding: 'base64' });
      assert.equal(got.output.data, read.output.content);
    });

    overMcp('golden.polling', async subject => {
      const direct = caller(subject);
      const polled = caller(subject, { wait_seconds: 0 });
      await direct('fs.write', { path: 'hello.py', contents: HELLO });
      assert.equal(
        (await polled('run.python', { file: 'hello.py' })).output.stdout,
        'Hello from Boxswain\n2 + 2 = 4\n',
      );
      const installed = await polled('pkg.install', { packages: 'requests' });
      assert.ok(Object(installed.output.installed).length > 0);
      assert.match(
        String((await polled('run.python', { code: 'import requests; print(requests.__version__)' })).output.stdout),
        /^\d/,
      );
      await polled('run.python', { code: ZIP });
      assert.equal(
        (await direct('artifact.get', { artifact_id: 'hello-package.zip' })).output.content_type,
        'application/zip',
      );
    });

    overMcp('golden.aliases', async subject => {
      const { peer } = subject;
      const call = caller(subject);
      assert.equal((await call('fs.write', { path: 'a', content: 'x' })).isError, false);
      assert.equal((await call('fs.read', { path: 'a' })).output.content, 'x');
      assert.equal((await call('fs.edit', { path: 'a', edits: [{ search: 'x', replace: 'y' }] })).isError, false);
      assert.equal((await call('fs.list', {})).isError, false);
      assert.equal((await call('run.python', { code: 'print(1)' })).output.stdout, '1\n');
      assert.equal((await call('run.command', { command: 'git init -q . && echo ok' })).output.stdout, 'ok\n');
      assert.match(String((await call('git.commit', { message: 'first' })).output.commit), /^[0-9a-f]{40}$/);
      assert.equal((await call('artifact.upload', { name: 'note.txt', content: 'y' })).isError, false);
      assert.equal((await call('artifact.get', { artifact_id: 'note.txt' })).output.data, 'y');
      assert.equal((await call('artifact.list', {})).isError, false);
      assert.equal((await call('test.run', {})).error?.code, 'NO_TESTS_FOUND');
      assert.equal((await call('lint.check', {})).error?.code, 'TOOL_NOT_INSTALLED');
      assert.equal((await call('git.clone', { url: 'ftp://a.example/b' })).error?.code, 'VALIDATION_ERROR');
      const { output } = await call('run.python', { code: '1', wait_seconds: 0 });
      for (const alias of ['task.get_status', 'get.task.status', 'task.get_result', 'get.task.result', 'task.cancel']) {
        assert.equal((await peer.call(alias, { task_id: output.task_id })).isError, false, alias);
      }
      assert.equal((await peer.call('task.list', {})).isError, false);
    });

    overTwo('golden.M4', async ({ ok, peer }) => {
      await ok('pkg_install', { packages: 'requests' });
      const other = await peer.ok('workspace_create', {});
      const run = await peer.ok('run_python', { workspace_id: other.workspace_id, code: 'import requests' });
      assert.match(String(run.stderr), /ModuleNotFoundError/);
      await peer.ok('workspace_delete', { workspace_id: other.workspace_id });
    });

    overTwo('golden.M5', async ({ ok, peer }) => {
      const { workspace_id } = await peer.ok('workspace_create', {});
      await Promise.all([
        ok('pkg_install', { packages: 'requests' }),
        peer.ok('pkg_install', { workspace_id, packages: 'flask' }),
      ]);
      const code = 'import importlib.util as u; print([n for n in ("requests", "flask") if u.find_spec(n)])';
      assert.equal((await ok('run_python', { code })).stdout, "['requests']\n");
      assert.equal((await peer.ok('run_python', { workspace_id, code })).stdout, "['flask']\n");
      await peer.ok('workspace_delete', { workspace_id });
    });

    overTwo('tool.pkg_install', async ({ ok }) => {
      const output = await ok('pkg_install', { packages: ['top-pkg'] });
      const names = Object(output.installed).map((each: { name: string }) => each.name);
      assert.ok(names.includes('top-pkg') && names.includes('leaf-pkg'));
      for (const { version, location } of Object(output.installed)) assert.ok(version && location);
      assert.deepEqual(output.failed, []);
      assert.equal((await ok('run_python', { code: 'import top_pkg, leaf_pkg; print("both")' })).stdout, 'both\n');
    });

    overTwo('runs.packages_private', async ({ ok }) => {
      await ok('pkg_install', { packages: 'requests' });
      const again = await ok('pkg_install', { packages: 'requests' });
      assert.equal(again.exit_code, 0);
      assert.ok(Object(again.installed)[0].version);
      const { entries } = await ok('fs_list', {});
      assert.deepEqual(
        Object(entries).map((entry: { name: string }) => entry.name),
        ['artifacts'],
      );
    });

    overTwo('runs.packages_rules', async ({ ok, fails, call }) => {
      for (const packages of [
        '--index-url x',
        '-r file',
        '@file',
        'https://a.example/x.whl',
        './local',
        '/abs',
        'git+https://a.example/x',
        '',
      ]) {
        assert.equal((await fails('pkg_install', { packages })).code, 'VALIDATION_ERROR', packages);
      }
      const other = await fails('pkg_install', { packages: 'requests', index_url: 'https://evil.example/simple' });
      assert.equal(other.code, 'INDEX_NOT_ALLOWED');
      assert.match(`${other.message} ${other.hint}`, /evil\.example/);
      await ok('pkg_install', { requirements: 'requests' });
      assert.match((await call('pkg_install', { packages: 'requests' })).text[0] ?? '', /^Installed: requests/m);
    });

    overTwo('failure.17', async ({ fails, ok }) => {
      for (const packages of ['--index-url=x', '-r', 'https://x/y'])
        assert.equal((await fails('pkg_install', { packages })).code, 'VALIDATION_ERROR');
      for (const { version } of Object((await ok('pkg_install', { packages: 'top-pkg' })).installed))
        assert.match(version, /^\d/);
    });
  },
  { env: upstreamEnv },
);
