import { z } from 'zod';

/** A value that Coder may leave out, give as null, or as an empty text: all three are null. */
export const optionalText = z
  .string()
  .nullish()
  .transform(text => text || null);

/** How a server in Go writes that there is no time. */
const NO_TIME = '0001-01-01';

/** A time that there need not be, in UTC; what is none is null. */
export const optionalTime = optionalText.transform(text => {
  if (text === null || text.startsWith(NO_TIME)) return null;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return null;
  return text.endsWith('Z') ? text : new Date(at).toISOString();
});

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
