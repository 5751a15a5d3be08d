import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingScope } from './scopes.ts';
import { toListedTool } from './listed-tool.ts';
import { allOperations, findOperation, selectOperations } from './registry.ts';

const namesOf = (operations: readonly { name: string }[]) => operations.map(({ name }) => name);

test('the tools of the earlier system are found under its names', () => {
  const earlier = [
    'echo fs.read fs.write fs.list run.python pkg.install artifact.get task.get_result task.get_status',
    'get.task.result get.task.status test.run lint.check git.clone git.commit artifact.list artifact.upload',
  ];
  for (const name of earlier.join(' ').split(' ')) assert.ok(findOperation(name), name);
});

test('a name that nobody has is not found', () => {
  for (const name of ['fs.delete', '', 'constructor', '__proto__']) assert.equal(findOperation(name), undefined);
});

test('every listed name is one that all clients accept', () => {
  for (const name of namesOf(allOperations)) assert.match(name, /^[a-z][a-z_]{1,39}$/);
});

test('the core preset has the tools of everyday work', () => {
  const core = new Set(namesOf(selectOperations({ core: true })));
  for (const name of [
    'run_python',
    'run_command',
    'fs_read',
    'fs_write',
    'fs_edit',
    'fs_list',
    'pkg_install',
    'echo',
  ]) {
    assert.ok(core.has(name), name);
  }
  assert.equal(core.has('workspace_fork'), false);
});

test('read-only lists nothing that changes something', () => {
  const selected = selectOperations({ readOnly: true });
  assert.ok(selected.length > 5);
  assert.ok(selected.every(({ hints }) => hints.readOnly && !hints.destructive));
});

test('echo and the task tools are listed with every toolset', () => {
  assert.deepEqual(namesOf(selectOperations({ toolsets: ['other'] })), [
    'task_get_status',
    'task_get_result',
    'task_cancel',
    'task_list',
    'echo',
  ]);
});

test('a selection keeps the order of the whole list', () => {
  assert.deepEqual(selectOperations({}), allOperations);
  const all = namesOf(allOperations);
  const core = namesOf(selectOperations({ core: true })).map(name => all.indexOf(name));
  assert.deepEqual(
    core,
    core.toSorted((a, b) => a - b),
  );
});

test('a listed tool is computed once', () => {
  for (const operation of allOperations) assert.equal(toListedTool(operation), toListedTool(operation));
});

test('inputs are closed and outputs are open', () => {
  for (const operation of allOperations) {
    const { inputSchema, outputSchema } = toListedTool(operation);
    assert.equal(inputSchema.additionalProperties, false, operation.name);
    assert.equal(outputSchema.additionalProperties, undefined, operation.name);
    assert.doesNotMatch(JSON.stringify([inputSchema, outputSchema]), /\$schema|9007199254740991|propertyNames/);
  }
});

test('what only reads asks for a read scope, what changes something for a write scope', () => {
  for (const { name, hints, scope } of allOperations) {
    // Asks for `admin` itself when it is to set something.
    if (name === 'codegen_config') continue;
    if (scope !== 'any') assert.equal(scope.endsWith(':read'), hints.readOnly, name);
  }
});

const callerWith = (...scopes: string[]) => ({ id: 'a', scopes: new Set(scopes), teams: new Set<string>() });

test('write implies read, and admin implies all', () => {
  assert.equal(missingScope('sandbox:read', callerWith('sandbox:write')), undefined);
  assert.equal(missingScope('sandbox:write', callerWith('sandbox:read')), 'sandbox:write');
  for (const scope of ['sandbox:write', 'any', 'any:read', 'any:write', 'admin'] as const) {
    assert.equal(missingScope(scope, callerWith('admin')), undefined);
  }
  assert.equal(missingScope('admin', callerWith('sandbox:write')), 'admin');
});

test('any means some scope, any:read and any:write that right in some toolset', () => {
  assert.equal(missingScope('any', callerWith('profile')), undefined);
  assert.equal(missingScope('any', callerWith()), 'sandbox:read');
  assert.equal(missingScope('any:read', callerWith('fleet:write')), undefined);
  assert.equal(missingScope('any:read', callerWith('profile')), 'sandbox:read');
  assert.equal(missingScope('any:write', callerWith('fleet:read')), 'sandbox:write');
});
