import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../../errors/app-error.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { type BoxForTests, openBox } from './box-for-tests.ts';
import { type LintTool, parsers } from './diagnostics.ts';
import { runLint } from './lint.ts';
import { lintArgs } from './linters.ts';

const recorded = (name: string) => readFileSync(new URL(`./recorded/${name}`, import.meta.url), 'utf8');

/** In the form that ruff documents for `--output-format json`. */
const ruffReport = JSON.stringify([
  {
    cell: null,
    code: 'F401',
    end_location: { column: 10, row: 1 },
    filename: '/workspace/a.py',
    fix: { applicability: 'safe', edits: [], message: 'Remove unused import: `os`' },
    location: { column: 8, row: 1 },
    message: '`os` imported but unused',
    noqa_row: 1,
    url: 'https://docs.astral.sh/ruff/rules/unused-import',
  },
  { code: 'E501', filename: '/workspace/pkg/b.py', location: { column: 89, row: 3 }, message: 'Line too long' },
  { code: null, filename: '/workspace/c.py', location: { column: 1, row: 2 }, message: 'SyntaxError: Expected )' },
]);

const lines = (tool: LintTool, text: string) =>
  (parsers[tool](text) ?? []).map(
    ({ file, line, column, severity, rule, message }) => `${file}:${line}:${column} ${severity} ${rule} ${message}`,
  );

describe('reports of linters', () => {
  test('ruff: errors are what cannot run, the rest are warnings', () => {
    assert.deepEqual(lines('ruff', ruffReport), [
      'a.py:1:8 error F401 `os` imported but unused',
      'pkg/b.py:3:89 warning E501 Line too long',
      'c.py:2:1 error invalid-syntax SyntaxError: Expected )',
    ]);
  });

  test('eslint: its own severities; syntax errors have no rule of their own', () => {
    assert.deepEqual(lines('eslint', recorded('eslint.json')), [
      "lint/a.js:1:7 warning no-unused-vars 'a' is assigned a value but never used.",
      "lint/a.js:2:1 error no-undef 'b' is not defined.",
      'lint/broken.js:1:7 error syntax Parsing error: Unexpected token =',
    ]);
  });

  test('mypy: notes are information', () => {
    assert.deepEqual(lines('mypy', recorded('mypy.txt')), [
      'typed.py:2:12 error return-value Incompatible return value type (got "int", expected "str")',
      'typed.py:4:13 info  Revealed type is "builtins.str"',
      'typed.py:5:3 error arg-type Argument 1 to "f" has incompatible type "str"; expected "int"',
    ]);
  });

  test('tsc: with and without a file', () => {
    assert.deepEqual(lines('tsc', `${recorded('tsc.txt')}error TS18003: No inputs were found.\n  more\n`), [
      "ts/a.ts:1:7 error TS2322 Type 'string' is not assignable to type 'number'.",
      "ts/a.ts:2:19 error TS7006 Parameter 'a' implicitly has an 'any' type.",
      ':null:null error TS18003 No inputs were found.',
    ]);
  });

  test('whatever is put out, parsing gives bounded diagnostics or none', () => {
    const tool = fc.constantFrom<LintTool>('ruff', 'mypy', 'eslint', 'tsc');
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .array(fc.record({ code: fc.anything(), filename: fc.anything(), location: fc.anything() }))
        .map(each => JSON.stringify(each)),
      fc.array(fc.record({ filePath: fc.anything(), messages: fc.anything() })).map(each => JSON.stringify(each)),
    );
    fc.assert(
      fc.property(tool, text, (name, output) => {
        for (const { file, rule, message, line } of parsers[name](output) ?? []) {
          assert.ok(file.length <= 500 && rule.length <= 500 && message.length <= 2000);
          assert.ok(line === null || line > 0);
        }
      }),
    );
  });

  test('a path is never an option to a linter', () => {
    const programs = { ruff: null, mypy: null, eslint: null, tsc: null };
    const none = { hasPython: true, hasScript: true, hasTypescript: true, hasEslintConfig: true };
    const found = { programs, ...none, hasTsconfig: false };
    for (const tool of ['ruff', 'mypy', 'eslint'] as const) {
      assert.deepEqual(lintArgs(tool, { paths: ['--fix'], found }).slice(-2), ['--', '--fix']);
    }
    assert.equal(lintArgs('tsc', { paths: ['--outDir'], found }).at(-1), './--outDir');
  });
});

const job = (more: Partial<JobOf<'lint'>> = {}): JobOf<'lint'> => ({
  kind: 'lint',
  paths: [],
  timeoutSeconds: 60,
  ...more,
});

describe('linters in a box', { concurrency: false }, () => {
  let box: BoxForTests;

  before(async () => {
    box = await openBox();
  });
  beforeEach(() => box.sh('rm -rf /workspace/* /workspace/.venv'));
  after(() => box[Symbol.asyncDispose]());

  /** A linter of the workspace that puts out what a real one did. */
  const install = async (
    path: string,
    { version, output, exit }: { version: string; output: string; exit: number },
  ) => {
    await box.put({ 'out.txt': output });
    await box.put({
      [path]: `#!/bin/sh\ncase "$*" in --version) echo "${version}";; *) cat out.txt; exit ${exit};; esac\n`,
    });
    await box.sh(`chmod +x ${path}`);
  };

  test('none is TOOL_NOT_INSTALLED with what to install', async () => {
    await box.put({ 'a.py': '' });
    await assert.rejects(runLint(job({ tools: ['eslint', 'tsc'] }), box), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, 'TOOL_NOT_INSTALLED');
      assert.equal(error.hint, 'call pkg_install with packages: "eslint typescript", manager: "node"');
      return true;
    });
  });

  test('those that are there run; the others are skipped with a reason', async () => {
    await install('.venv/bin/ruff', { version: 'ruff 0.9.1', output: ruffReport, exit: 1 });
    await install('node_modules/.bin/eslint', { version: 'v9.0.0', output: '[]', exit: 0 });
    await box.put({ 'a.py': 'import os\n', 'out.txt': ruffReport });
    const output = await runLint(job({ tools: ['ruff', 'eslint', 'tsc'] }), box);
    assert.deepEqual(output.ran, [{ tool: 'ruff', version: '0.9.1', exit_code: 1 }]);
    assert.deepEqual(output.skipped, [
      { tool: 'eslint', reason: 'no JavaScript or TypeScript files' },
      { tool: 'tsc', reason: 'not installed' },
    ]);
    assert.deepEqual(output.counts, { error: 2, warning: 1, info: 0 });
    assert.equal(output.truncated, false);
  });

  test('diagnostics of tsc are those of the paths that were asked for', async () => {
    await install('node_modules/.bin/tsc', { version: 'Version 5.9.3', output: recorded('tsc.txt'), exit: 2 });
    await box.put({ 'tsconfig.json': '{}', 'ts/a.ts': '', 'b.ts': '' });
    const all = await runLint(job({ tools: ['tsc'] }), box);
    assert.deepEqual(all.counts, { error: 2, warning: 0, info: 0 });
    const some = await runLint(job({ tools: ['tsc'], paths: ['b.ts'] }), box);
    assert.deepEqual(some.counts, { error: 0, warning: 0, info: 0 });
    assert.deepEqual(some.ran, [{ tool: 'tsc', version: '5.9.3', exit_code: 2 }]);
  });

  test('more than 500 diagnostics are cut and still counted', async () => {
    const many = Array.from({ length: 700 }, (_, at) => `a.ts(${at + 1},1): error TS1: x\n`).join('');
    await install('node_modules/.bin/tsc', { version: 'Version 5.9.3', output: many, exit: 2 });
    await box.put({ 'tsconfig.json': '{}', 'a.ts': '' });
    const output = await runLint(job({ tools: ['tsc'] }), box);
    assert.equal(Object(output.diagnostics).length, 500);
    assert.equal(output.truncated, true);
    assert.deepEqual(output.counts, { error: 700, warning: 0, info: 0 });
  });

  test('a linter that broke is no clean result', async () => {
    await install('.venv/bin/ruff', { version: 'ruff 0.9.1', output: 'error: bad configuration', exit: 2 });
    await box.put({ 'a.py': '' });
    const output = await runLint(job({ tools: ['ruff'] }), box);
    assert.deepEqual(output.ran, []);
    assert.deepEqual(output.skipped, [{ tool: 'ruff', reason: 'failed: error: bad configuration' }]);
  });
});
