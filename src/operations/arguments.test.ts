import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { findOperation } from './registry.ts';

function refusal(name: string, args: Record<string, unknown>): AppError {
  try {
    findOperation(name)?.prepare(args);
  } catch (error) {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'VALIDATION_ERROR');
    return error;
  }
  assert.fail(`${name} took ${JSON.stringify(args)}`);
}

const cases: readonly [what: string, tool: string, args: Record<string, unknown>, message: string | RegExp][] = [
  ['a missing argument is named', 'fs_read', {}, 'required argument "path" not found'],
  ['the first of several missing is named', 'fs_write', {}, 'required argument "path" not found'],
  ['a missing union is named as missing', 'run_command', {}, 'required argument "command" not found'],
  [
    'a missing nested argument is named with its place',
    'fs_edit',
    { path: 'a', edits: [{ search: 'x' }] },
    'required argument "edits[0].replace" not found',
  ],
  [
    'an unknown argument lists the valid ones',
    'echo',
    { message: 'x', loud: true },
    'unknown argument "loud"; valid arguments: message',
  ],
  [
    'several unknown arguments are all named',
    'echo',
    { message: 'x', a: 1, b: 2 },
    'unknown arguments "a", "b"; valid arguments: message',
  ],
  [
    'an unknown nested argument is named with its place',
    'workspace_create',
    { limits: { ram: 1 } },
    'unknown argument "limits.ram"',
  ],
  ['a number above its bound', 'artifact_list', { limit: 201 }, 'argument "limit" must be at most 200, got 201'],
  ['a number below its bound', 'fs_read', { path: 'a', offset: -1 }, 'argument "offset" must be at least 0, got -1'],
  ['a number with a fraction', 'fs_read', { path: 'a', limit: 1.5 }, 'argument "limit" must be an integer, got 1.5'],
  ['a text for a number', 'fs_read', { path: 'a', limit: '5' }, 'argument "limit" must be a number, got string'],
  ['null for an optional argument', 'fs_list', { path: null }, 'argument "path" must be a string, got null'],
  [
    'a value that is not on the list',
    'fs_read',
    { path: 'a', encoding: 'hex' },
    'argument "encoding" must be one of "utf8", "base64"',
  ],
  [
    'too long a text',
    'workspace_create',
    { name: 'x'.repeat(64) },
    'argument "name" must be at most 63 characters long',
  ],
  ['too short a list', 'fs_edit', { path: 'a', edits: [] }, 'argument "edits" must be a list of at least 1 entries'],
  ['a context with a bad name', 'run_python', { code: '1', context: 'a b' }, /^argument "context" must match /],
  ['neither code nor file', 'run_python', {}, "must provide either 'code' or 'file' parameter"],
  ['both code and file', 'run_python', { code: '1', file: 'a' }, "must provide either 'code' or 'file' parameter"],
  ['a context with a file', 'run_python', { file: 'a', context: 'c' }, 'argument "context" may only be used with code'],
  [
    'a context with args',
    'run_python',
    { code: '1', context: 'c', args: ['a'] },
    'argument "context" may not be combined with args',
  ],
  ['an empty command', 'run_command', { command: [] }, 'argument "command" must be a list of at least 1 entries'],
  [
    'a command of the wrong type',
    'run_command',
    { command: 5 },
    'argument "command" must be a string or a list of strings, not empty',
  ],
  ['a NUL in a word', 'run_command', { command: ['a\0b'] }, 'argument "command[0]" must not hold a NUL character'],
  ['neither path nor content', 'artifact_upload', {}, "must provide either 'path' or 'content' parameter"],
  ['content without a name', 'artifact_upload', { content: 'x' }, 'required argument "name" not found'],
  ['a network of the wrong form', 'workspace_create', { network: 'on' }, /^argument "network" must be /],
  [
    'an env with a bad name',
    'run_command',
    { command: 'ls', env: { 'A=B': 'c' } },
    /^argument "env" must have names without "="/,
  ],
  [
    'a map with too many entries',
    'workspace_create',
    { metadata: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`k${at}`, 'v'])) },
    'argument "metadata" must have at most 100 entries and 32 KiB in all',
  ],
  [
    'a map with too many bytes',
    'workspace_create',
    { env: { A: 'é'.repeat(16_384) } },
    'argument "env" must have at most 100 entries and 32 KiB in all',
  ],
];

for (const [what, tool, args, message] of cases) {
  test(`${what} is refused`, () => {
    const error = refusal(tool, args);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.match(error.hint, new RegExp(`valid arguments of ${tool}: `));
  });
}

test('the hint tells what else is wrong', () => {
  const error = refusal('fs_read', { file_path: 'a' });
  assert.equal(error.message, 'required argument "path" not found');
  assert.match(error.hint, /^unknown argument "file_path"; .*path \(required\)/);
});

test('values of arguments are not repeated, for they may be secrets', () => {
  const error = refusal('run_command', { command: 'ls', env: { TOKEN: 5 }, stdin: ['hunter2'], cwd: { a: 'hunter2' } });
  assert.doesNotMatch(JSON.stringify(error.toShape()), /hunter2/);
});

test('an alias of an argument is taken as the argument', () => {
  const prepared = findOperation('fs_write')?.prepare({ path: 'a', contents: 'x' });
  assert.equal(prepared?.input.content, 'x');
});

test('both names with the same value are fine, with different values refused', () => {
  const same = findOperation('fs_write')?.prepare({ path: 'a', contents: 'x', content: 'x' });
  assert.equal(same?.input.content, 'x');
  const error = refusal('fs_write', { path: 'a', contents: 'x', content: 'y' });
  assert.equal(error.message, 'arguments "content" and "contents" are both given and differ');
});

test('preparing a call leaves the arguments as they were', () => {
  const args = { path: 'a', contents: 'x' };
  findOperation('fs_write')?.prepare(args);
  assert.deepEqual(args, { path: 'a', contents: 'x' });
});
