import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';

const seq = z.int().min(0);
/** A place in one stream, or in the feed of everything: `o` events of the next range were read already. */
const cursorSchema = z.union([z.strictObject({ t: z.string().max(256), s: seq }), z.strictObject({ f: seq, o: seq })]);
export type EventCursor = z.output<typeof cursorSchema>;

export const writeCursor = (cursor: EventCursor): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');

export const cursorOf = (sessionId: string, position: number): string =>
  writeCursor({ t: `session:${sessionId}`, s: position });

/** Throws VALIDATION_ERROR for a text that no cursor has. */
export function readCursor(text: string): EventCursor {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'after is not a cursor that poll_events or another call gave', {
      hint: 'leave after out, or use the cursor of an earlier answer',
      details: { field: 'after' },
      cause,
    });
  }
}
