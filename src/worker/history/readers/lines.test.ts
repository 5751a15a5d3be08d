import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readLines } from './lines.ts';

const isWhole = (line: Buffer): boolean => line.at(-1) === 0x7d;

async function inFile(bytes: Buffer, work: (path: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lines-'));
  try {
    await writeFile(join(folder, 'lines'), bytes);
    work(join(folder, 'lines'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('reading in two parts gives the lines that reading at once gives, wherever the file ended in between', async () => {
  const line = fc
    .oneof(fc.string({ unit: 'grapheme' }), fc.constant(''), fc.constant('{}'))
    .map(text => text.replaceAll('\n', ' '));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.nat(), async (lines, at) => {
      const bytes = Buffer.from(lines.map(text => `${text}\n`).join(''));
      const cut = at % (bytes.length + 1);
      const seen: string[] = [];
      const take = (one: Buffer): void => void seen.push(one.toString());
      let offset = 0;
      await inFile(bytes.subarray(0, cut), path => {
        offset = readLines(path, { offset: 0, take, isWhole }).offset;
      });
      await inFile(bytes, path => {
        assert.equal(readLines(path, { offset, take, isWhole }).offset, bytes.length);
      });
      // What looks whole is taken at once; the text that then follows on its line is a line of its own.
      assert.equal(seen.join(''), lines.join(''));
    }),
    { numRuns: 200 },
  );
});

test('a line that is longer than the buffer is whole, and one that is too long is skipped and counted', async () => {
  const long = `{"text":"${'x'.repeat(9_000_000)}"}`;
  const tooLong = 'y'.repeat(65 * 1024 * 1024);
  await inFile(Buffer.from(`${long}\n${tooLong}\n{"last":1}\n`), path => {
    const seen: number[] = [];
    const read = readLines(path, { offset: 0, take: one => seen.push(one.length), isWhole });
    assert.deepEqual(seen, [long.length, '{"last":1}'.length]);
    assert.equal(read.tooLong, 1);
    assert.equal(read.offset, long.length + tooLong.length + 13);
  });
});
