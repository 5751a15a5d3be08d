import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingTerminal } from '../../test/support/recording-terminal.ts';
import { AppError } from '../errors/app-error.ts';
import { errorCodes, isErrorCode } from '../errors/codes.ts';
import type { OperationResult } from '../operations/operation.ts';
import { findOperation } from '../operations/registry.ts';
import { showError, showResult } from './output.ts';

function show(name: string, result: OperationResult, { asJson = false, isInteractive = false } = {}) {
  const operation = findOperation(name) ?? assert.fail(name);
  const terminal = new RecordingTerminal({ isInteractive });
  showResult(operation, result, { terminal, asJson });
  const { stdout, stderr, exitCode } = terminal;
  return { stdout, stderr, exitCode };
}

const run = { workspace_id: 'ws_1', exit_code: 3, stdout: 'out', stderr: 'err\n' };

test('a program’s streams and exit code pass through unchanged', () => {
  const text = ['Exit Code: 3\nStdout:\nout\nStderr:\nerr\n'];
  assert.deepEqual(show('run_command', { output: run, text }), { stdout: 'out', stderr: 'err\n', exitCode: 3 });
  const ok = show('run_python', { output: { ...run, exit_code: 0, result: '4' }, text });
  assert.deepEqual(ok, { stdout: 'out4\n', stderr: 'err\n', exitCode: 0 });
});

test('a limit that was hit is told, and on a terminal the workspace', () => {
  const output = { ...run, exit_code: 137, limit_hit: 'wall' };
  assert.match(show('run_command', { output, text: [''] }).stderr, /stopped by its limit: wall\n$/);
  assert.match(show('run_command', { output: run, text: [''] }, { isInteractive: true }).stderr, /workspace: ws_1\n$/);
});

test('a run that is still under way is shown as its task and does not set the exit code', () => {
  const line = '{"task_id":"t","status":"queued"}';
  const output = { ...run, exit_code: null, status: 'queued', task_id: 't' };
  const shown = show('run_command', { output, text: [line] });
  assert.equal(shown.exitCode, undefined);
  assert.equal(JSON.parse(shown.stdout).task_id, 't');
});

test('a file is printed byte for byte, other texts as lines, JSON with line breaks', () => {
  assert.equal(show('fs_read', { output: { content: 'a' }, text: ['a', 'more follows'] }).stdout, 'a');
  assert.equal(show('fs_write', { output: {}, text: ['Wrote 1 bytes to a'] }).stdout, 'Wrote 1 bytes to a\n');
  assert.equal(show('echo', { output: { a: 1 }, text: ['{"a":1}'] }).stdout, '{\n  "a": 1\n}\n');
});

test('what others wrote cannot steer the terminal, in results and in errors', () => {
  const title = '\u001b]0;owned\u0007\u202egnp';
  assert.equal(show('list_sessions', { output: {}, text: [title] }).stdout, '\\u{1b}]0;owned\\u{7}\\u{202e}gnp\n');
  const terminal = new RecordingTerminal();
  showError(new AppError('NOT_FOUND', title, { hint: title }), { terminal, asJson: false });
  const shown = '\\u{1b}]0;owned\\u{7}\\u{202e}gnp';
  assert.equal(terminal.stderr, `error: ${shown} [NOT_FOUND]\nhint: ${shown}\n`);
});

test('with --json the output is one line of JSON, and the exit code is still the program’s', () => {
  const shown = show('run_command', { output: run, text: [''] }, { asJson: true });
  assert.deepEqual(shown, { stdout: `${JSON.stringify(run)}\n`, stderr: '', exitCode: 3 });
});

test('every error is two lines on stderr and the exit code of its row', () => {
  for (const code of Object.keys(errorCodes).filter(isErrorCode)) {
    const terminal = new RecordingTerminal();
    showError(new AppError(code, 'it happened', { hint: 'do this' }), { terminal, asJson: false });
    assert.equal(terminal.stderr, `error: it happened [${code}]\nhint: do this\n`);
    assert.equal(terminal.exitCode, errorCodes[code].exit);
    assert.equal(terminal.stdout, '');
  }
});

test('with --json an error is its shape', () => {
  const terminal = new RecordingTerminal();
  const error = new AppError('TASK_NOT_FOUND', 'Task not found: T', { details: { task_id: 'T' } });
  showError(error, { terminal, asJson: true });
  assert.deepEqual(JSON.parse(terminal.stderr), error.toShape());
  assert.equal(terminal.exitCode, 3);
});
