import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { requirements as codegen } from './codegen/requirements.ts';
import { requirements as fleet } from './fleet/requirements.ts';
import { requirements as sandbox } from './sandbox/requirements.ts';
import { requirements as sessions } from './sessions/requirements.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const VERIFICATION = /(?<![.\w])(overMcp|overTwo|overRecords|once)\(\s*'([^']+)'/g;

/** Ids that the files of a manifest verify, and how; those that are no tests are declared by one that is. */
async function verifiedIds(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const file of glob(`test/requirements/${folder}/*.ts`, { cwd: ROOT })) {
    const text = await readFile(`${ROOT}${file}`, 'utf8');
    for (const [, how = '', id = ''] of text.matchAll(VERIFICATION)) found.set(id, how);
  }
  return found;
}

/** With how many known failures of the earlier system each contract numbers. */
const CONTRACTS = [
  ['codegen', { requirements: codegen, failures: 13 }],
  ['fleet', { requirements: fleet, failures: 12 }],
  ['sandbox', { requirements: sandbox, failures: 19 }],
  ['sessions', { requirements: sessions, failures: 18 }],
] as const;

for (const [folder, { requirements, failures }] of CONTRACTS) {
  describe(folder, () => {
    test('every requirement has a verification, and every verification a requirement', async () => {
      const verified = await verifiedIds(folder);
      const here = requirements.filter(({ by }) => by === undefined).map(({ id }) => id);
      assert.deepEqual(
        here.filter(id => !verified.has(id)),
        [],
        'requirements without a verification',
      );
      assert.deepEqual(
        [...verified.keys()].filter(id => !here.includes(id)),
        [],
        'verifications without a requirement',
      );
    });

    test('what another test verifies is verified by a test of that name', async () => {
      for (const { id, by } of requirements) {
        if (by === undefined) continue;
        assert.match(by.file, /^(?:src|test)\/.*\.test\.ts$/, id);
        const text = await readFile(`${ROOT}${by.file}`, 'utf8').catch(() => '');
        const isThere = ["'", '"', '`'].some(quote =>
          new RegExp(`(?:test|it)\\(\\s*${quote}${RegExp.escape(by.test)}`).test(text),
        );
        assert.ok(isThere, `${id}: no test "${by.test}" in ${by.file}`);
      }
    });

    test('a requirement of MCP is verified over more than one wire', async () => {
      const verified = await verifiedIds(folder);
      const once = requirements.filter(({ id, wires }) => wires.includes('mcp') && verified.get(id) === 'once');
      assert.deepEqual(
        once.map(requirement => requirement.id),
        [],
      );
    });

    test('every numbered failure of the earlier system has a test that is named after it', () => {
      const numbers = Array.from({ length: failures }, (_, at) => at + 1);
      const named = (number: number) =>
        requirements.some(({ id, by }) => {
          const isOf = new RegExp(`^failure\\.0?${number}(?:\\.|$)`).test(id);
          // Tests of a manifest's own begin with the id.
          return isOf && (by === undefined || new RegExp(`failure ${number}(?!\\d)`).test(by.test));
        });
      assert.deepEqual(
        numbers.filter(number => !named(number)),
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
  });
}
