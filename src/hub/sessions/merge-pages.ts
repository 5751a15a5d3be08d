import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';

/** One of several places that have a part of a list, each in the same order. */
export interface Source<Item> {
  readonly name: string;
  fetch(query: { limit: number; cursor?: string }): Promise<{ items: readonly Item[]; nextCursor: string | null }>;
}

interface MergeOptions<Item> {
  readonly sources: readonly Source<Item>[];
  readonly limit: number;
  /** Of the page before. */
  readonly cursor: string | undefined;
  /** Higher is first. */
  order(item: Item): number;
  /** A source that did not answer. */
  onSilent(name: string, error: unknown): void;
}

/** For each source: the cursor of the page that is being used up, and how many of its items were. Null: it is used up. */
const cursorSchema = z.record(z.string(), z.object({ c: z.string().optional(), u: z.int().min(0) }).nullable());
type Places = z.output<typeof cursorSchema>;

export interface MergedPage<Item> {
  readonly items: { readonly source: string; readonly item: Item }[];
  readonly nextCursor: string | null;
}

/**
 * One page of a list that several sources have parts of. Sources that do not answer are left out of this page, and asked again for
 * the next; one that was not there at the first page comes in from its start.
 */
export async function mergePages<Item>(options: MergeOptions<Item>): Promise<MergedPage<Item>> {
  const { sources, limit, order, onSilent } = options;
  const places = options.cursor === undefined ? {} : readPlaces(options.cursor);
  const next: Places = {};
  const fetched = await Promise.all(
    sources.map(async source => {
      const place = places[source.name];
      if (place === null) {
        next[source.name] = null;
        return [];
      }
      const { c: cursor, u: used } = place ?? { u: 0 };
      try {
        const page = await source.fetch({ limit: used + limit, ...(cursor !== undefined && { cursor }) });
        return [{ source: source.name, cursor, used, items: page.items.slice(used), nextCursor: page.nextCursor }];
      } catch (error) {
        onSilent(source.name, error);
        next[source.name] = { u: used, ...(cursor !== undefined && { c: cursor }) };
        return [];
      }
    }),
  );
  const parts = fetched.flat();
  const all = parts.flatMap(({ source, items }) => items.map(item => ({ source, item })));
  const items = all.sort((a, b) => order(b.item) - order(a.item)).slice(0, limit);
  for (const { source, cursor, used, items: had, nextCursor } of parts) {
    const taken = items.filter(item => item.source === source).length;
    const isUsedUp = taken === had.length;
    if (isUsedUp) next[source] = nextCursor === null ? null : { c: nextCursor, u: 0 };
    else next[source] = { u: used + taken, ...(cursor !== undefined && { c: cursor }) };
  }
  const hasMore = Object.values(next).some(place => place !== null);
  return { items, nextCursor: hasMore ? writePlaces(next) : null };
}

const writePlaces = (places: Places): string => Buffer.from(JSON.stringify(places)).toString('base64url');

function readPlaces(text: string): Places {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'the cursor is not one that this list gave', {
      hint: 'leave cursor out to start from the beginning',
      details: { field: 'cursor' },
      cause,
    });
  }
}
