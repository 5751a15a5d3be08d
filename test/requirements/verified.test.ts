import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { requirements } from './requirements.ts';

const VERIFICATION = /(?<![.\w])(overMcp|once)\(\s*'([^']+)'/g;

/** Ids that the test files verify, and how. */
async function verifiedIds(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const file of glob('test/**/*.test.ts', { cwd: new URL('../..', import.meta.url).pathname })) {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
    for (const [, how = '', id = ''] of text.matchAll(VERIFICATION)) found.set(id, how);
  }
  return found;
}

test('every requirement has a verification, and every verification a requirement', async () => {
  const verified = await verifiedIds();
  const known = new Set(requirements.map(requirement => requirement.id));
  assert.deepEqual(
    [...known].filter(id => !verified.has(id)),
    [],
    'requirements without a verification',
  );
  assert.deepEqual(
    [...verified.keys()].filter(id => !known.has(id)),
    [],
    'verifications without a requirement',
  );
});

test('a requirement of MCP is verified over every wire', async () => {
  const verified = await verifiedIds();
  const once = requirements.filter(({ id, wires }) => wires.includes('mcp') && verified.get(id) === 'once');
  assert.deepEqual(
    once.map(requirement => requirement.id),
    [],
  );
});

test('no requirement is named twice', () => {
  const ids = requirements.map(requirement => requirement.id);
  assert.deepEqual(
    ids.filter((id, at) => ids.indexOf(id) !== at),
    [],
  );
});
