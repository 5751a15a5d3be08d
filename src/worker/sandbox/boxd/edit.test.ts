import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';

const sha256 = (bytes: string) => createHash('sha256').update(bytes).digest('hex');

describe('edit', () => {
  let box: StartedBoxd;
  const path = 'dir/file.txt';
  const put = (content: string | Buffer) => box.boxd.write({ path, bytes: Buffer.from(content), createDirs: true });
  const now = () => readFileSync(join(box.files, path), 'utf8');
  const edit = (edits: [search: string, replace: string, replaceAll?: boolean][], more: object = {}) =>
    box.boxd.edit({
      path,
      edits: edits.map(([search, replace, replaceAll = false]) => ({ search, replace, replaceAll })),
      dryRun: false,
      ...more,
    });
  before(async () => {
    box = await startBoxd();
  });
  after(() => box[Symbol.asyncDispose]());

  test('edits apply in order, each to the result of the one before', async () => {
    await put('one two three\n');
    const edited = await edit([
      ['two', 'four five'],
      ['five t', '5 T'],
    ]);
    assert.equal(now(), 'one four 5 Three\n');
    assert.deepEqual([edited.replacements, edited.bytesWritten, edited.sha256], [2, 17, sha256('one four 5 Three\n')]);
    assert.equal(
      edited.diff,
      '--- a/dir/file.txt\n+++ b/dir/file.txt\n@@ -1 +1 @@\n-one two three\n+one four 5 Three\n',
    );
  });

  test('all or none: an edit that fails leaves the file as it was', async () => {
    await put('aXbXc');
    await assert.rejects(
      edit([
        ['a', 'A'],
        ['nope', ''],
      ]),
      { code: 'EDIT_NO_MATCH', message: `edits[1]: search text not found in ${path}`, details: { index: 1, count: 0 } },
    );
    await assert.rejects(edit([['X', '']]), {
      code: 'EDIT_AMBIGUOUS',
      message: `edits[0]: search text found 2 times in ${path}`,
      details: { index: 0, count: 2 },
    });
    await assert.rejects(edit([['', 'x']]), { code: 'VALIDATION_ERROR' });
    assert.equal(now(), 'aXbXc');
    assert.equal((await edit([['X', '-', true]])).replacements, 2);
    assert.equal(now(), 'a-b-c');
  });

  test('places that overlap are ambiguous', async () => {
    await put('aaa');
    await assert.rejects(edit([['aa', 'b']]), { code: 'EDIT_AMBIGUOUS' });
  });

  test('a dry run tells what would be and changes nothing', async () => {
    await put('x\n');
    const edited = await edit([['x', 'y']], { dryRun: true });
    assert.deepEqual([edited.bytesWritten, edited.sha256], [0, sha256('y\n')]);
    assert.match(edited.diff, /-x\n\+y\n/);
    assert.equal(now(), 'x\n');
  });

  test('the expected hash, text, size and presence are checked', async () => {
    await put('x');
    await edit([['x', 'y']], { ifSha256: sha256('x') });
    await assert.rejects(edit([['y', 'z']], { ifSha256: sha256('x') }), { code: 'FILE_CHANGED' });
    await put(Buffer.from([0x66, 0xff]));
    await assert.rejects(edit([['f', 'g']]), {
      code: 'NOT_TEXT',
      message: `File is not UTF-8 text: ${path} (2 bytes)`,
    });
    await put(Buffer.alloc(3 * 1024 * 1024 + 1, 'a'));
    await assert.rejects(edit([['b', 'c']]), { code: 'FILE_TOO_LARGE' });
    await assert.rejects(edit([['b', 'c']], { path: 'absent' }), { code: 'FILE_NOT_FOUND' });
  });

  test('line ends and byte order marks are kept', async () => {
    await put('\ufeffa\r\nb\r\n');
    await edit([['b', 'c']]);
    assert.equal(readFileSync(join(box.files, path)).toString(), '\ufeffa\r\nc\r\n');
  });

  test('the diff of a large file stays within 20,000 characters and is made in time', async () => {
    await put('same line\n'.repeat(150_000));
    const edited = await edit([['same', 'other', true]]);
    assert.ok(edited.diff.length <= 20_000 && edited.diff.endsWith('[… diff cut …]\n'));
    assert.equal(edited.replacements, 150_000);
  });

  test('the diff applied by patch gives the new file', async () => {
    const line = fc.constantFrom('a', 'b', 'c', 'd', '');
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 40 }),
        fc.array(line, { maxLength: 6 }),
        fc.boolean(),
        async (lines, added, ends) => {
          const before = `${lines.join('\n')}\nMARK\n${lines.toReversed().join('\n')}${ends ? '\n' : ''}`;
          await put(before);
          const { diff } = await edit([['MARK', `${added.join('\n')}!`]]);
          const after = now();
          writeFileSync(join(box.files, 'old'), before);
          writeFileSync(join(box.files, 'diff'), diff);
          const patched = await shell(box.boxd, 'patch -s old diff && cat old');
          assert.equal(patched.stdout, after, diff);
        },
      ),
      { numRuns: 40, examples: [[['a', 'a', 'c', 'a'], ['a', 'c', 'a', 'a'], false]] },
    );
  });
});
