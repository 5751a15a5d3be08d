import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { AppError } from '../../../errors/app-error.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { type BoxForTests, openBox } from './box-for-tests.ts';
import { type Found, pickFramework, testCommand } from './test-frameworks.ts';
import { readReport, runTests } from './tests.ts';

const job = (more: Partial<JobOf<'test'>> = {}): JobOf<'test'> => ({
  kind: 'test',
  framework: 'auto',
  args: [],
  timeoutSeconds: 60,
  ...more,
});

const found = (more: Partial<Found> = {}): Found => ({
  vitest: { wanted: false, program: null },
  jest: { wanted: false, program: null },
  node: null,
  nodeTests: [],
  hasPytest: false,
  isPytestConfigured: false,
  hasPytestFiles: false,
  unittestStart: null,
  isFile: false,
  ...more,
});

describe('the framework', () => {
  test('is picked in the order vitest, jest, pytest, node, unittest', () => {
    const all = found({
      vitest: { wanted: true, program: null },
      jest: { wanted: true, program: null },
      isPytestConfigured: true,
      node: '/usr/bin/node',
      nodeTests: ['a.test.js'],
      unittestStart: '.',
    });
    assert.equal(pickFramework(all, ''), 'vitest');
    const noVitest = { ...all, vitest: found().vitest };
    assert.equal(pickFramework(noVitest, ''), 'jest');
    const noJest = { ...noVitest, jest: found().jest };
    assert.equal(pickFramework(noJest, ''), 'pytest');
    assert.equal(pickFramework({ ...noJest, isPytestConfigured: false }, ''), 'node');
    assert.equal(pickFramework({ ...noJest, isPytestConfigured: false, nodeTests: [] }, ''), 'unittest');
    assert.throws(() => pickFramework(found(), 'x'), { code: 'NO_TESTS_FOUND', message: 'no tests found in x' });
  });

  test('is pytest where it is installed and has files, and not where it has none', () => {
    const base = { hasPytest: true, unittestStart: '.' };
    assert.equal(pickFramework(found({ ...base, hasPytestFiles: true }), ''), 'pytest');
    assert.equal(pickFramework(found(base), ''), 'unittest');
  });

  test('that is wanted and not installed is named with the way to get it', () => {
    for (const framework of ['pytest', 'vitest', 'jest', 'node'] as const) {
      assert.throws(() => testCommand(framework, { job: job(), found: found(), report: 'r' }), {
        code: 'TOOL_NOT_INSTALLED',
        hint: new RegExp(`pkg_install.*${framework}`),
      });
    }
  });

  test('gets a path as what it is: a folder, a file, never an option or a pattern', () => {
    const program = { wanted: true, program: 'x' };
    const at = (framework: 'vitest' | 'jest' | 'pytest', path: string, isFile: boolean) => {
      const all = found({ vitest: program, jest: program, hasPytest: true, isFile });
      return testCommand(framework, { job: job({ path }), found: all, report: 'r' }).argv.slice(-2);
    };
    assert.deepEqual(at('vitest', 'a', false), ['--dir', 'a']);
    assert.equal(at('vitest', 'a/b.test.js', true)[1], 'a/b.test.js');
    assert.equal(at('jest', 'a.b', false)[1], '/a\\.b/');
    assert.deepEqual(at('jest', 'a.test.js', true), ['--runTestsByPath', 'a.test.js']);
    assert.equal(at('pytest', '-x', false)[1], './-x');
  });
});

const recorded = (name: string) => readFile(new URL(`./recorded/${name}`, import.meta.url), 'utf8');

async function failure(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return error;
  }
  return assert.fail('it did not fail');
}

describe('tests in a box', { concurrency: false }, () => {
  let box: BoxForTests;

  before(async () => {
    box = await openBox();
  });
  beforeEach(() => box.sh('rm -rf /workspace/*'));
  after(() => box[Symbol.asyncDispose]());

  const report = async (name: string, form: 'junit' | 'jest') => {
    await box.put({ report: await recorded(name) });
    const read = await readReport(form, { report: 'report', box });
    assert.ok(read, 'the report was read');
    return read;
  };
  const places = (failures: { id: string; file: string | null; line: number | null }[]) =>
    failures.map(({ id, file, line }) => `${id} @ ${file}:${line}`);

  test('a report of pytest is counted, with file and line of each failure', async () => {
    const { failures, ...counts } = await report('pytest.xml', 'junit');
    assert.deepEqual(counts, { passed: 2, failed: 3, skipped: 1, errors: 2 });
    assert.deepEqual(places(failures), [
      'test_broken.py::test_broken @ test_broken.py:1',
      'test_sample.py::test_fails @ test_sample.py:12',
      'test_sample.py::test_errors @ test_sample.py:22',
      'test_sample.py::TestGroup::test_param[2] @ test_sample.py:32',
      'test_sample.py::TestCase::test_method @ test_sample.py:37',
    ]);
    assert.match(failures[1]?.message ?? '', /^AssertionError: maps differ\nassert/);
    assert.equal((await box.sh('ls report')).exitCode, 2, 'the report is gone');
  });

  test('reports of node --test, old and new, are counted alike', async () => {
    for (const name of ['node20.xml', 'node24.xml']) {
      const { failures, ...counts } = await report(name, 'junit');
      assert.deepEqual(counts, { passed: 1, failed: 2, skipped: 1, errors: 0 }, name);
      assert.equal(failures[0]?.id, 'node/broken.test.js');
      assert.equal(places(failures)[1], 'group > fails <b> @ node/sample.test.js:6');
    }
  });

  test('reports of jest and vitest are counted alike', async () => {
    for (const name of ['jest.json', 'vitest.json']) {
      const { failures, ...counts } = await report(name, 'jest');
      assert.deepEqual(counts, { passed: 1, failed: 1, skipped: 2, errors: 1 }, name);
      const found = places(failures);
      assert.ok(found.includes('group fails @ js/sample.test.js:4'), String(found));
      const broken = failures.find(({ id }) => id === 'js/broken.test.js');
      assert.match(broken?.message ?? '', /no-such-module/);
      const frames = failures.find(({ id }) => id === 'group fails')?.message.match(/^ +at .*$/gm);
      assert.equal(frames?.length, 1, 'only frames of the workspace are shown');
    }
  });

  test('a report that is none, or is hostile, is no report', async () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(1000)}">${Array.from({ length: 9 }, (_, at) => `<!ENTITY b${at} "${`&${at === 0 ? 'a' : `b${at - 1}`};`.repeat(100)}">`).join('')}]><x>&b8;</x>`;
    for (const text of ['', '<testsuite>', '[1', 'null', '{"testResults": [1]}', bomb]) {
      await box.put({ report: text });
      for (const form of ['junit', 'jest', 'plain'] as const) {
        assert.equal(await readReport(form, { report: 'report', box }), null, `${form} ${text.slice(0, 50)}`);
        await box.put({ report: text });
      }
    }
  });

  test('unittest tests are found, run and counted', async () => {
    await box.put({
      'lib.py': 'def double(n): return 2 * n\n',
      'tests/test_lib.py': [
        'import unittest, lib',
        'class Double(unittest.TestCase):',
        '    def test_right(self): self.assertEqual(lib.double(2), 4)',
        '    def test_wrong(self):',
        '        self.assertEqual(lib.double(2), 5)',
        '    def test_raises(self): raise ValueError("x")',
        '    @unittest.skip("no")',
        '    def test_skipped(self): pass',
      ].join('\n'),
    });
    const output = await runTests(job({ framework: 'unittest' }), box);
    const { total, passed, failed, skipped, errors, exit_code, framework } = output;
    assert.deepEqual(
      { total, passed, failed, skipped, errors, exit_code, framework },
      { total: 4, passed: 1, failed: 1, skipped: 1, errors: 1, exit_code: 1, framework: 'unittest' },
    );
    const failures = Object(output.failures);
    assert.deepEqual(
      failures.map(({ id, file, line }: Record<string, unknown>) => [id, file, line]),
      [
        ['test_lib.Double.test_raises', 'tests/test_lib.py', 6],
        ['test_lib.Double.test_wrong', 'tests/test_lib.py', 5],
      ],
    );
    assert.match(String(output.output), /FAILED \(failures=1, errors=1, skipped=1\)/);
    const one = await runTests(job({ framework: 'unittest', path: 'tests/test_lib.py', args: ['-k', 'right'] }), box);
    assert.equal(one.total, 1);
    assert.equal(one.exit_code, 0);
  });

  test('node tests are found, run and counted', async () => {
    await box.put({
      'src/a.test.mjs':
        'import { test } from "node:test";\ntest("good", () => {});\ntest("bad", () => {\n  throw new Error("no");\n});',
      'node_modules/x/test.js': 'throw new Error("not ours")',
    });
    const output = await runTests(job({ framework: 'node' }), box);
    assert.equal(output.total, 2);
    assert.equal(output.failed, 1);
    assert.equal(output.exit_code, 1);
    const [first] = Object(output.failures);
    assert.deepEqual(
      { id: first.id, file: first.file, line: first.line },
      { id: 'bad', file: 'src/a.test.mjs', line: 4 },
    );
    assert.equal((await box.sh('ls -A /workspace')).stdout, 'node_modules\nsrc\n');
  });

  test('without tests there are none', async () => {
    assert.equal((await failure(runTests(job(), box))).code, 'NO_TESTS_FOUND');
    await box.put({ 'test_empty.py': 'x = 1\n' });
    assert.equal((await failure(runTests(job({ framework: 'unittest' }), box))).code, 'NO_TESTS_FOUND');
  });

  test('a dependency that is not installed is asked for', async () => {
    await box.put({ 'package.json': '{"devDependencies": {"jest": "^30"}}', 'a.test.js': '' });
    const error = await failure(runTests(job(), box));
    assert.equal(error.code, 'TOOL_NOT_INSTALLED');
    assert.equal(error.hint, 'call pkg_install with packages: "jest", manager: "node"');
  });

  test('tests that do not end are an error, never a success', async () => {
    await box.put({
      'test_slow.py': 'import time, unittest\nclass T(unittest.TestCase):\n  def test(self): time.sleep(60)\n',
    });
    const output = await runTests(job({ framework: 'unittest', timeoutSeconds: 1 }), box);
    assert.equal(output.timed_out, true);
    assert.equal(output.errors, 1);
    assert.notEqual(output.exit_code, 0);
    assert.match(Object(output.failures)[0].message, /did not end within 1 s/);
  });

  test('a runner that breaks without a report is an error', async () => {
    for (const code of [0, 3]) {
      await box.put({ 'test_exit.py': `import os\nprint("error: broken", flush=True)\nos._exit(${code})\n` });
      const output = await runTests(job({ framework: 'unittest' }), box);
      assert.equal(output.errors, 1);
      assert.equal(output.exit_code, code);
      assert.equal(Object(output.failures)[0].message, 'error: broken');
    }
  });
});
