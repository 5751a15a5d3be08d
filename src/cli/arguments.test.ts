import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../errors/app-error.ts';
import { allOperations, findOperation } from '../operations/registry.ts';
import { type ArgumentShape, argumentsOf, parseArgument } from './arguments.ts';

function shapeOf(operation: string, name: string): ArgumentShape {
  const found = findOperation(operation);
  const shape = found && argumentsOf(found).find(candidate => candidate.name === name);
  return shape ?? assert.fail(`${operation} has no argument ${name}`);
}

const isBad = (pattern: RegExp) => (error: unknown) =>
  error instanceof AppError && error.code === 'VALIDATION_ERROR' && pattern.test(error.message);

test('an argument knows its flag, its default, its choices and whether it must be given', () => {
  const { flag, kind, required, defaultValue } = shapeOf('fs_write', 'create_dirs');
  assert.deepEqual(
    { flag, kind, required, defaultValue },
    {
      flag: 'create-dirs',
      kind: 'boolean',
      required: false,
      defaultValue: true,
    },
  );
  assert.equal(shapeOf('fs_write', 'workspace_id').flag, 'workspace');
  assert.equal(shapeOf('fs_write', 'path').required, true);
  assert.deepEqual(shapeOf('pkg_install', 'manager').choices, ['python', 'node']);
});

test('every argument of every operation has a description and a flag that no other has', () => {
  for (const operation of allOperations) {
    const shapes = argumentsOf(operation);
    for (const { name, description } of shapes) assert.notEqual(description, '', `${operation.name} ${name}`);
    assert.equal(new Set(shapes.map(({ flag }) => flag)).size, shapes.length, operation.name);
  }
});

test('each kind is read from what was typed', () => {
  for (const [operation, name, kind, typed, value] of [
    ['fs_read', 'path', 'text', '007', '007'],
    ['fs_read', 'offset', 'number', '12', 12],
    ['fs_list', 'recursive', 'boolean', true, true],
    ['fs_list', 'recursive', 'boolean', false, false],
    ['run_python', 'args', 'list', ['1', '--x'], ['1', '--x']],
    ['run_python', 'args', 'list', 'one', ['one']],
    ['run_command', 'command', 'words', ['ls -l | wc'], 'ls -l | wc'],
    ['run_command', 'command', 'words', ['ls', '-l'], ['ls', '-l']],
    ['run_command', 'env', 'map', ['A=1', 'B=x=y', 'C='], { A: '1', B: 'x=y', C: '' }],
    ['run_command', 'env', 'map', ['{"A":"1"}'], { A: '1' }],
    ['update_state', 'patch', 'map', ['{"preferences":{"on":true}}'], { preferences: { on: true } }],
    ['respond_permission', 'updated_input', 'map', ['{"lines":[1]}'], { lines: [1] }],
    ['fs_edit', 'edits', 'json', '[{"search":"a","replace":"b"}]', [{ search: 'a', replace: 'b' }]],
    ['workspace_create', 'network', 'json', 'off', 'off'],
    ['workspace_create', 'network', 'json', '{"allow":["a.example"]}', { allow: ['a.example'] }],
    ['workspace_create', 'limits', 'json', '{"cpus":0.5}', { cpus: 0.5 }],
  ] as const) {
    const shape = shapeOf(operation, name);
    assert.equal(shape.kind, kind, `${operation} ${name}`);
    assert.deepEqual(parseArgument(shape, typed), value, `${operation} ${name}`);
  }
});

test('what is no number, or no pair, is refused by the name of its flag', () => {
  for (const typed of ['', ' ', 'many', '1x'])
    assert.throws(() => parseArgument(shapeOf('fs_read', 'limit'), typed), isBad(/^--limit takes a number/));
  for (const typed of ['A', '=1', '', '{', '{"A"}'])
    assert.throws(() => parseArgument(shapeOf('run_command', 'env'), [typed]), isBad(/^--env takes name=value/));
});

test('a map keeps every value as it was typed', () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]*$/);
  const shape = shapeOf('run_command', 'env');
  fc.assert(
    fc.property(fc.dictionary(name, fc.string(), { minKeys: 1, noNullPrototype: true }), map => {
      const typed = Object.entries(map).map(([key, value]) => `${key}=${value}`);
      assert.deepEqual(parseArgument(shape, typed), map);
    }),
  );
});
