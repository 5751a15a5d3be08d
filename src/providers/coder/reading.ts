import { z } from 'zod';

/** A value that Coder may leave out, give as null, or as an empty text: all three are null. */
export const optionalText = z
  .string()
  .nullish()
  .transform(text => text || null);

const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** An id that there need not be: the API document tells of an object, servers give a text or null. */
export const optionalId = z
  .union([
    z.string(),
    z
      .object({ uuid: z.string().optional(), valid: z.boolean().optional() })
      .transform(({ uuid, valid }) => (valid === true ? uuid : undefined)),
  ])
  .nullish()
  .transform(id => (id && id !== NO_UUID ? id : null));

/** The longest value of an unknown field that is shown, in characters of its JSON. */
const MOST_SHOWN = 1000;

/** Fields of an answer that the schema does not know: newer servers may tell more. */
export function unknownFields(schema: z.ZodObject, item: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const more = Object.entries(item).filter(
    ([key, value]) => !Object.hasOwn(schema.shape, key) && JSON.stringify(value).length <= MOST_SHOWN,
  );
  return Object.fromEntries(more);
}
