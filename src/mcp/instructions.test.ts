import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allOperations } from '../operations/registry.ts';
import { instructions } from './instructions.ts';

test('the instructions stay below what clients cut at', () => {
  assert.ok(Buffer.byteLength(instructions) <= 2_000, `${Buffer.byteLength(instructions)} bytes`);
});

test('the instructions name only operations that there are', () => {
  const names = new Set(allOperations.map(({ name }) => name));
  const named = instructions.match(/\b(?:workspace|fs|run|pkg|git|artifact|task|test|lint)_[a-z_]+/g) ?? [];
  const arguments_ = new Set(['workspace_id', 'task_id', 'artifact_id']);
  assert.deepEqual(
    named.filter(name => !names.has(name) && !arguments_.has(name)),
    [],
  );
});
