import type { z } from 'zod';

/** The longest value of an unknown field that is shown, in characters of its JSON. */
const MOST_SHOWN = 1000;

/** Fields of an answer that the schema does not know: newer servers may tell more. */
export function unknownFields(schema: z.ZodObject, item: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const more = Object.entries(item).filter(
    ([key, value]) => !Object.hasOwn(schema.shape, key) && JSON.stringify(value).length <= MOST_SHOWN,
  );
  return Object.fromEntries(more);
}
