import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { crossedBoundaries } from './house/imports.ts';
import { brokenRules } from './house/rules.ts';
import { readSources } from './house/source-files.ts';

const root = join(import.meta.dirname, '..');

test('every folder imports only what the architecture allows', () => {
  const sources = readSources(root);
  assert.ok(sources.length > 30, 'the sources were not found');
  assert.deepEqual(crossedBoundaries(sources), []);
});

test('every file keeps the rules of the house', () => {
  assert.deepEqual(brokenRules(readSources(root)), []);
});

test('an import across a boundary is found, in each of its forms', async () => {
  const sources = await sample({
    'src/hub/a.ts': `import { box } from '../worker/box.ts';\nexport const a = box;`,
    'src/hub/b.ts': `export { box } from '../worker/box.ts';\nexport const b = 1;`,
    'src/hub/c.ts': `export const c = () => import('../worker/box.ts');`,
    'src/hub/d.ts': `export type D = typeof import('../worker/box.ts');`,
    'src/hub/e.ts': `import '../worker/box.ts';\nexport const e = 1;`,
    'src/worker/box.ts': `import { a } from '../hub/a.ts';\nexport const box = a;`,
    'src/store/s.ts': `import type { A } from '../mcp/m.ts';\nexport type S = A;`,
    'src/mcp/m.ts': `export type A = 1;`,
    'src/new-room/n.ts': `import { a } from '../hub/a.ts';\nexport const n = a;`,
  });
  assert.deepEqual(
    crossedBoundaries(sources)
      .map(line => line.split(' ')[0])
      .sort(),
    [
      'src/hub/a.ts:1',
      'src/hub/b.ts:1',
      'src/hub/c.ts:1',
      'src/hub/d.ts:1',
      'src/hub/e.ts:1',
      'src/new-room/n.ts:1',
      'src/store/s.ts:1',
      'src/worker/box.ts:1',
    ],
  );
});

test('an import that is allowed as a type is refused as a value', async () => {
  const sources = await sample({
    'src/operations/operation.ts': `export interface Turn { done(): void }\nexport const turn = 1;`,
    'src/hub/types.ts': `import type { Turn } from '../operations/operation.ts';\nexport type T = Turn;`,
    'src/hub/values.ts': `import { turn } from '../operations/operation.ts';\nexport const t = turn;`,
    'src/errors/e.ts': `export const e = 1;`,
    'src/fabric/f.ts': `import { e } from '../errors/e.ts';\nexport const f = e;`,
    'src/fabric/f.test.ts': `import { turn } from '../operations/operation.ts';\nexport const f = turn;`,
    'src/main.ts': `import { turn } from './operations/operation.ts';\nexport const main = turn;`,
  });
  assert.deepEqual(crossedBoundaries(sources), ['src/hub/values.ts:1 must not import src/operations/operation.ts']);
});

test('casts, any, non-null claims, barrels and unfinished work are found', async () => {
  const unfinished = ['TO', 'DO'].join('');
  const sources = await sample({
    'src/as.ts': `export const a = 1 as number;`,
    'src/angle.ts': `export const a = <number>1;`,
    'src/non-null.ts': `export const a = (b?: string) => b!.length;`,
    'src/any.ts': `export const a = (b: any) => b;`,
    'src/star.ts': `export * from './as.ts';\nexport const b = 1;`,
    'src/barrel.ts': `export { a } from './as.ts';`,
    'src/default.ts': `export default 1;`,
    'src/unfinished.ts': `export const a = 1; // ${unfinished}: more`,
    'src/CamelCase.ts': `export const a = 1;`,
    'src/long.ts': `${'\n'.repeat(500)}export const a = 1;`,
  });
  const broken = brokenRules(sources)
    .map(line => line.split(/[: ]/)[0])
    .sort();
  const files = sources.map(({ path }) => path).sort();
  assert.deepEqual(broken, files);
});

test('what only looks like a broken rule is let pass', async () => {
  const sources = await sample({
    'src/fine.ts': [
      `import { a as b } from './other.ts';`,
      `/** Any such thing, as any! */`,
      `export const text = 'x as any' + \`\${b} as never!\` + String(/as any!/);`,
      `export const list = ['a'] as const;`,
      `export const not = !b;`,
      `export const differs = b !== 1;`,
    ].join('\n'),
    'src/other.ts': `export const a = 1;`,
  });
  assert.deepEqual(brokenRules(sources), []);
});

/** Parses files of a project of their own, so that a rule can be seen to fail. */
async function sample(files: Record<string, string>) {
  const directory = await mkdtemp(join(tmpdir(), 'house-'));
  try {
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ include: ['src'] }));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
    return readSources(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
