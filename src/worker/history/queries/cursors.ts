import { z } from 'zod';
import { AppError } from '../../../errors/app-error.ts';

/** A place in a list that is sorted by a number and then by a text, both falling: whatever comes in between shifts nothing. */
export interface Place {
  readonly rank: number;
  readonly key: string;
}

const placeSchema = z.tuple([z.number(), z.string()]);

export const cursorOf = ({ rank, key }: Place): string =>
  Buffer.from(JSON.stringify([rank, key])).toString('base64url');

/** Throws VALIDATION_ERROR for what is no cursor of ours. */
export function placeOf(cursor: string): Place {
  try {
    const [rank, key] = placeSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return { rank, key };
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'cursor is not one of this list', { cause });
  }
}

export const inOrder = (a: Place, b: Place): number => b.rank - a.rank || (a.key < b.key ? 1 : a.key > b.key ? -1 : 0);

/** The page of `items` after `cursor`; they are sorted here. */
export function pageOf<Item extends Place>(
  items: readonly Item[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): { page: Item[]; nextCursor: string | null } {
  const after = cursor === undefined ? undefined : placeOf(cursor);
  const rest = after === undefined ? [...items] : items.filter(item => inOrder(after, item) < 0);
  const page = rest.sort(inOrder).slice(0, limit);
  const last = page.at(-1);
  return { page, nextCursor: last !== undefined && rest.length > limit ? cursorOf(last) : null };
}
