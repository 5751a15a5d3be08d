import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../errors/app-error.ts';
import { mergePages, type Source } from './merge-pages.ts';

/** Has these numbers, highest first; its cursor is how many were given. */
const source = (name: string, numbers: readonly number[]): Source<number> => ({
  name,
  async fetch({ limit, cursor }) {
    const start = Number(cursor ?? 0);
    const items = numbers.slice(start, start + limit);
    const end = start + items.length;
    return { items, nextCursor: end < numbers.length ? String(end) : null };
  },
});

async function readAll(sources: readonly Source<number>[], limit: number): Promise<number[]> {
  const all: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await mergePages({ sources, limit, cursor, order: n => n, onSilent: assert.fail });
    assert.ok(page.items.length <= limit);
    all.push(...page.items.map(({ item }) => item));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

describe('a list that several have parts of', () => {
  it('is read whole and in order, page by page, whatever each has', async () => {
    const part = fc.uniqueArray(fc.nat(1000), { maxLength: 30 }).map(numbers => numbers.sort((a, b) => b - a));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), fc.integer({ min: 1, max: 12 }), async (parts, limit) => {
        const sources = parts.map((numbers, at) => source(`w${at}`, numbers));
        assert.deepEqual(
          await readAll(sources, limit),
          parts.flat().sort((a, b) => b - a),
        );
      }),
    );
  });

  it('goes on without one that is silent, names it, and asks it again for the next page', async () => {
    let isSilent = true;
    const flaky: Source<number> = {
      name: 'w2',
      fetch: async query => {
        if (isSilent) throw new Error('silent');
        return await source('w2', [9, 1]).fetch(query);
      },
    };
    const silent: string[] = [];
    const options = { sources: [source('w1', [8, 5]), flaky], limit: 1, order: (n: number) => n };
    const first = await mergePages({ ...options, cursor: undefined, onSilent: name => silent.push(name) });
    assert.deepEqual([first.items, silent], [[{ source: 'w1', item: 8 }], ['w2']]);
    isSilent = false;
    const second = await mergePages({ ...options, cursor: first.nextCursor ?? undefined, onSilent: assert.fail });
    assert.deepEqual(second.items, [{ source: 'w2', item: 9 }]);
  });

  it('refuses a cursor that it did not give', async () => {
    for (const cursor of ['x', '', Buffer.from('[1]').toString('base64url')]) {
      const options = { sources: [], limit: 1, cursor, order: () => 0, onSilent: () => {} };
      await assert.rejects(
        mergePages(options),
        (error: unknown) => error instanceof AppError && error.code === 'VALIDATION_ERROR',
      );
    }
  });
});
