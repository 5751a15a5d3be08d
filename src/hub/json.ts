import { createHash } from 'node:crypto';
import type { AppError } from '../errors/app-error.ts';
import type { JsonObject } from '../store/rows.ts';
import { isJsonObject } from '../store/rows-reader.ts';

/** A value as it will be read back: without what JSON cannot hold. Throws for anything but an object. */
export function toJsonObject(value: object): JsonObject {
  const read: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(read)) throw new TypeError('no object in JSON');
  return read;
}

/** An error as it is stored with a task. */
export const errorAsJson = (error: AppError): JsonObject => toJsonObject(error.toShape());

/** SHA-256 of a JSON value, the same whatever the order of keys; members that are undefined do not count. */
export function hashJson(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)) ?? 'undefined')
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  // As pairs, because an object would put keys that look like numbers first and could not hold __proto__.
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return { object: entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]) };
}
