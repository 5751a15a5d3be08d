import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { toListedTool } from '../src/operations/listed-tool.ts';
import { allOperations, selectOperations } from '../src/operations/registry.ts';

const directory = join(import.meta.dirname, 'snapshots');
const UPDATE = 'if the change is meant, run: npm run docs';
/** Characters of JSON that one token stands for, on the careful side. */
const CHARACTERS_PER_TOKEN = 3.6;

for (const operation of allOperations) {
  test(`${operation.name} is listed as its snapshot says`, async () => {
    const snapshot: unknown = JSON.parse(await readFile(join(directory, `${operation.name}.json`), 'utf8'));
    assert.deepEqual(JSON.parse(JSON.stringify(toListedTool(operation))), snapshot, UPDATE);
  });
}

test('there is no snapshot of a tool that is gone', async () => {
  const names = (await readdir(directory)).map(file => file.replace(/\.json$/, '')).sort();
  assert.deepEqual(names, allOperations.map(({ name }) => name).sort(), UPDATE);
});

test('the list of the sandbox toolset stays within 6,000 tokens', () => {
  const sandbox = selectOperations({ toolsets: ['sandbox'] });
  assert.ok(tokensOf(sandbox) <= 6000, `${tokensOf(sandbox)} tokens`);
});

test('the lists of the toolsets sandbox and sessions together stay within 9,500 tokens', () => {
  const both = selectOperations({ toolsets: ['sandbox', 'sessions'] });
  assert.ok(tokensOf(both) <= 9500, `${tokensOf(both)} tokens`);
});

test('the list of the core preset stays within 4,000 tokens', () => {
  const core = selectOperations({ core: true });
  assert.ok(tokensOf(core) <= 4000, `${tokensOf(core)} tokens`);
});

function tokensOf(operations: readonly (typeof allOperations)[number][]): number {
  return Math.ceil(JSON.stringify({ tools: operations.map(toListedTool) }).length / CHARACTERS_PER_TOKEN);
}
