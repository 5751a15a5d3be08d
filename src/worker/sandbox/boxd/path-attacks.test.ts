import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../../errors/app-error.ts';
import { type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';
import { build, type Item, type Meaning, meaning } from './path-model.ts';

const SECRET = 'SECRET-FROM-OUTSIDE';
/** Stands for the folder beside the workspace, whose name is known only when a boxd has started. */
const OUTSIDE = '/@outside';

const name = fc.constantFrom('a', 'b', '..foo', '...', 'ü', ' ', 'a b', '-x');
const segment = fc.oneof({ weight: 5, arbitrary: name }, { weight: 2, arbitrary: fc.constantFrom('..', '.', '') });
const segments = fc.array(segment, { minLength: 1, maxLength: 6 }).map(parts => parts.join('/'));
const target = fc.oneof(
  segments.filter(each => each !== ''),
  segments.map(each => `/workspace/${each}`),
  fc.constantFrom(
    OUTSIDE,
    `${OUTSIDE}/secret`,
    '/',
    '/etc',
    '..',
    '../outside',
    '../outside/secret',
    '../../outside/secret',
  ),
);
const item: fc.Arbitrary<Item> = fc.record({
  path: fc.array(name, { minLength: 1, maxLength: 3 }),
  make: fc.oneof(
    fc.constant('file' as const),
    target.map(link => ({ link })),
  ),
});
const path = fc.oneof(
  { weight: 6, arbitrary: segments },
  { weight: 2, arbitrary: segments.map(each => `/workspace/${each}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('/etc/hostname', '/', '//', '/workspace/../x', '/workspacea', `${OUTSIDE}/secret`),
  },
);

describe('paths', () => {
  let box: StartedBoxd;
  let outside: string;
  before(async () => {
    box = await startBoxd();
    outside = join(box.directory, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), SECRET);
  });
  after(() => box[Symbol.asyncDispose]());

  const clear = () => {
    for (const entry of readdirSync(box.files)) rmSync(join(box.files, entry), { recursive: true, force: true });
  };

  const meanings: Record<string, Meaning> = {
    PATH_INVALID: 'leaves',
    FILE_NOT_FOUND: 'missing',
    WRONG_FILE_TYPE: 'not a file',
  };
  const meaningOf = (error: unknown): Meaning => {
    assert.ok(error instanceof AppError, String(error));
    return meanings[error.code] ?? assert.fail(`${error.code}: ${error.message}`);
  };
  const read = (path: string): Promise<Meaning> =>
    box.boxd
      .read({ path, offset: 0, limit: 1000 })
      .then(({ bytes }) => ({ content: Buffer.from(bytes).toString() }), meaningOf);

  test('any path through any tree means what the rules say, and nothing outside is read or changed', async () => {
    const outsideNow = () => readdirSync(outside).map(each => [each, readFileSync(join(outside, each), 'utf8')]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 12 }),
        fc.array(path, { minLength: 1, maxLength: 10 }),
        async (items, paths) => {
          clear();
          const here = (each: string) => each.replace(OUTSIDE, outside);
          const real = items.map(({ path, make }) => ({
            path,
            make: make === 'file' ? make : { link: here(make.link) },
          }));
          const tree = build(real, box.files);
          for (const each of paths.map(here)) {
            assert.deepEqual(
              await read(each),
              meaning(tree, each, box.files),
              `${JSON.stringify(each)} in ${JSON.stringify(real)}`,
            );
          }
          const listing = await box.boxd.list({ path: '', recursive: true, limit: 1000 });
          assert.ok(!JSON.stringify(listing).includes('secret"'));
          for (const each of paths.map(here)) {
            await box.boxd.write({ path: each, bytes: Buffer.from('written'), createDirs: true }).catch(meaningOf);
          }
          assert.deepEqual(outsideNow(), [['secret', SECRET]]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a name that flips between a file and a link out never yields a byte from outside', async () => {
    clear();
    const script = `mkdir d; echo mine > d/secret; ln -s ${outside} out; ln -s ${outside}/secret leaf-out; echo mine > leaf-in
      end=$((SECONDS + 2))
      while [ $SECONDS -lt $end ]; do
        mv -T d real; mv -T out d; cp -P leaf-out t; mv -T t leaf
        mv -T d out; mv -T real d; cp leaf-in t; mv -T t leaf
      done`;
    let isOver = false;
    const flipping = shell(box.boxd, script).finally(() => {
      isOver = true;
    });
    const seen = new Set<string>();
    while (!isOver) {
      for (const each of ['d/secret', 'leaf']) {
        const got = await read(each);
        seen.add(typeof got === 'string' ? got : got.content);
        await box.boxd.write({ path: 'd/new', bytes: Buffer.from('x'), createDirs: false }).catch(meaningOf);
      }
    }
    const end = await flipping;
    assert.deepEqual([end.exitCode, end.stderr], [0, '']);
    assert.ok(seen.has('mine\n') && seen.has('leaves'), `the race was not met: ${[...seen]}`);
    assert.ok(!seen.has(SECRET));
    assert.deepEqual(readdirSync(outside), ['secret']);
  });
});
