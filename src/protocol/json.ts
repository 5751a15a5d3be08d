import { z } from 'zod';

/** Any value of a message. What came out of JSON.parse is JSON already: to look at each value again would only take time. */
export const json = z.custom<z.output<ReturnType<typeof z.json>>>();

export type Json = z.output<typeof json>;
export type JsonObject = Record<string, Json>;
