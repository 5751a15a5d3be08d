import assert from 'node:assert/strict';
import { git, upstreamEnv } from './upstreams.ts';
import { verifications } from './verify.ts';

const UNITTEST = `import unittest
class Sums(unittest.TestCase):
    def test_right(self): self.assertEqual(1 + 1, 2)
    def test_wrong(self): self.assertEqual(1 + 1, 3)
    @unittest.skip('later')
    def test_later(self): pass
`;

verifications(
  'tools',
  ({ overMcp, overTwo }) => {
    overTwo('tool.test_run', async ({ ok }) => {
      await ok('fs_write', { path: 'test_sums.py', content: UNITTEST });
      const report = await ok('test_run', { framework: 'unittest' });
      assert.deepEqual(
        [report.framework, report.total, report.passed, report.failed, report.skipped],
        ['unittest', 3, 1, 1, 1],
      );
      const [failure] = Object(report.failures);
      assert.match(failure.id, /test_wrong/);
      assert.match(failure.message, /3/);
      assert.notEqual(report.exit_code, 0);
      assert.equal(report.status, 'completed');
    });

    overTwo('runs.test_pick', async ({ ok, fails }) => {
      assert.equal((await fails('test_run')).code, 'NO_TESTS_FOUND');
      await ok('fs_write', { path: 'test_sums.py', content: UNITTEST });
      assert.equal((await ok('test_run')).framework, 'unittest');
      const node = "import { test } from 'node:test';\ntest('fine', () => {});\n";
      await ok('fs_write', { path: 'a.test.mjs', content: node });
      const hasNode = (await ok('run_command', { command: 'command -v node || true' })).stdout !== '';
      if (hasNode) assert.equal((await ok('test_run')).framework, 'node');
    });

    overTwo('tool.lint_check', async ({ ok, fails }) => {
      assert.equal((await fails('lint_check', { tools: ['ruff'] })).code, 'TOOL_NOT_INSTALLED');
      const linter = `#!/usr/bin/python3
import json, sys
if '--version' in sys.argv: print('ruff 9.9.9'); sys.exit(0)
print(json.dumps([{'filename': '/workspace/a.py', 'location': {'row': 1, 'column': 8}, 'code': 'F401', 'message': 'unused import'}]))
sys.exit(1)
`;
      await ok('run_command', {
        command: 'mkdir -p /env/python/bin; cat > /env/python/bin/ruff; chmod +x /env/python/bin/ruff',
        stdin: linter,
      });
      await ok('fs_write', { path: 'a.py', content: 'import os\n' });
      const report = await ok('lint_check', {});
      assert.deepEqual(Object(report.ran)[0], { tool: 'ruff', version: '9.9.9', exit_code: 1 });
      const { tool, file, line, column, rule, message } = Object(report.diagnostics)[0];
      assert.deepEqual([tool, file, line, column, rule, message], ['ruff', 'a.py', 1, 8, 'F401', 'unused import']);
      assert.ok(Object(report.skipped).length > 0);
    });

    overTwo('runs.lint_none', async ({ fails }) => {
      assert.equal((await fails('lint_check')).code, 'TOOL_NOT_INSTALLED');
    });

    overTwo('tool.git_clone', async ({ ok }) => {
      const cloned = await ok('git_clone', { url: git.url('normal.git') });
      assert.equal(cloned.path, 'normal');
      assert.match(String(cloned.commit), /^[0-9a-f]{40}$/);
      assert.equal(typeof cloned.branch, 'string');
      assert.ok(Object((await ok('fs_list', { path: 'normal' })).entries).length > 0);
      assert.equal(
        (await ok('git_clone', { url: git.url('normal.git'), path: 'again/here', depth: 0 })).path,
        'again/here',
      );
    });

    overTwo('tool.git_commit', async ({ ok, fails }) => {
      await ok('run_command', { command: 'git init -q -b main . && printf "a\\nb\\n" > f' });
      const first = await ok('git_commit', { message: 'First', author_name: 'A', author_email: 'a@b.example' });
      assert.match(String(first.commit), /^[0-9a-f]{40}$/);
      assert.deepEqual([first.branch, first.files_changed, first.insertions, first.deletions], ['main', 1, 2, 0]);
      assert.equal((await fails('git_commit', { message: 'again' })).code, 'NOTHING_TO_COMMIT');
      await ok('run_command', { command: 'echo c > g; echo d > h' });
      assert.equal((await ok('git_commit', { message: 'Only g', add: ['g'] })).files_changed, 1);
      assert.equal(
        (await ok('run_command', { command: 'git log --format=%an -1 HEAD~1; git status --short' })).stdout,
        'A\n?? h\n',
      );
    });

    overTwo('runs.git_rules', async ({ ok, fails }) => {
      for (const url of [
        'ssh://git@a.example/x',
        'file:///etc',
        'git@a.example:x/y',
        'ext::sh -c id',
        git.url('normal.git').replace('http://', 'http://user:pass@'),
      ]) {
        assert.equal((await fails('git_clone', { url })).code, 'VALIDATION_ERROR', url);
      }
      assert.equal((await fails('git_clone', { url: 'https://evil.example/x.git' })).code, 'HOST_NOT_ALLOWED');
      await ok('git_clone', { url: git.url('hostile.git'), path: 'hostile' });
      await ok('run_command', { command: 'touch x', cwd: 'hostile' });
      const look = await ok('run_command', { command: 'ls -a / /tmp /workspace | grep -i owned || true' });
      assert.equal(look.stdout, '');
    });

    overTwo('error.POLICY_DENIED', async ({ fails, peer }) => {
      const image = await peer.fails('workspace_create', { image: 'evil:latest' });
      assert.equal(image.code, 'IMAGE_NOT_ALLOWED');
      assert.match(image.message, /evil:latest/);
      const host = await fails('git_clone', { url: 'https://evil.example/x.git' });
      assert.match(`${host.message} ${host.hint}`, /evil\.example/);
      const at = await fails('pkg_install', { packages: 'requests', index_url: 'https://evil.example/' });
      assert.equal(at.code, 'INDEX_NOT_ALLOWED');
    });

    overMcp('error.TOOLS', async ({ ok, fails }) => {
      const failed = await fails('pkg_install', { packages: 'no-such-package-anywhere' });
      assert.equal(failed.code, 'PACKAGE_INSTALL_FAILED');
      for (const key of ['exit_code', 'failed', 'installed', 'output']) assert.ok(key in failed.details, key);
      assert.deepEqual(Object(failed.details.failed), ['no-such-package-anywhere']);
      const absent = await fails('git_clone', { url: git.url('normal.git').replace('normal', 'absent') });
      assert.equal(absent.code, 'GIT_FAILED');
      assert.ok(String(absent.details.output).length > 0);
      await ok('fs_write', { path: 'empty.txt', content: '' });
      assert.equal((await fails('test_run')).code, 'NO_TESTS_FOUND');
      assert.equal((await fails('lint_check')).code, 'TOOL_NOT_INSTALLED');
    });
  },
  { env: upstreamEnv },
);
