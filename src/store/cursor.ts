import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Page } from './page.ts';

const positionSchema = z.array(z.int()).min(1).max(2);

/** An opaque text for the position after a row: the values by which the rows are sorted. */
export const encodeCursor = (position: readonly number[]): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

/** The position of a cursor of this list, `length` numbers. Throws VALIDATION_ERROR for any other text. */
export function decodeCursor(cursor: string, length: number): number[] {
  const position = positionSchema.length(length).safeParse(parsed(cursor));
  if (position.success) return position.data;
  throw new AppError('VALIDATION_ERROR', 'the cursor is not one that this list gave', {
    hint: 'leave cursor out to start from the beginning',
    details: { field: 'cursor' },
  });
}

/** A page from rows that were read with one more than the limit, which tells whether there is another page. */
export function pageOf<Read, Row>(
  rows: readonly Read[],
  { limit, position, read }: { limit: number; position: (row: Read) => number[]; read: (rows: Read[]) => Row[] },
): Page<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { rows: read(shown), nextCursor: hasMore ? encodeCursor(position(last)) : null };
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
