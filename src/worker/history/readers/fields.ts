import type { Json, JsonObject } from '../../../protocol/json.ts';

/** Tolerant access to records whose format is another program's own affair: what is not as expected is not there. */

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

export const numberOf = (value: Json | undefined): number => (typeof value === 'number' && value >= 0 ? value : 0);

export const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

export const objectsOf = (value: Json | undefined): readonly JsonObject[] => listOf(value).filter(isObject);

/** Epoch milliseconds of an ISO date; undefined when it is none. */
export function timeOf(value: Json | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}

/** The object that a line holds; undefined for a torn line or one that holds something else. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What of a part's text is kept. */
const MAX_PART_CHARS = 262_144;

/** The text and whether it had to be cut. */
export function kept(text: string): { text: string; truncated?: true } {
  return text.length > MAX_PART_CHARS ? { text: text.slice(0, MAX_PART_CHARS), truncated: true } : { text };
}

/** An input small enough to keep whole; a larger one becomes its beginning, as text. */
export function keptInput(input: JsonObject): { input: JsonObject; truncated?: true } {
  if (!mayBeLarge(input)) return { input };
  const text = JSON.stringify(input);
  return text.length > MAX_PART_CHARS
    ? { input: { truncated: text.slice(0, MAX_PART_CHARS) }, truncated: true }
    : { input };
}

/** Cheap: only a long string, or many values, can make an input large. */
function mayBeLarge(input: JsonObject): boolean {
  const values = Object.values(input);
  return (
    values.length > 50 ||
    values.some(value => (typeof value === 'string' ? value.length > 4000 : isObject(value) || Array.isArray(value)))
  );
}
