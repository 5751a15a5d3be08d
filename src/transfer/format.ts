import { z } from 'zod';

/**
 * An export is one tar file: `header.json`, the rows as gzipped JSON lines in `rows/…`, each blob as `blobs/<hash>`, and last
 * `end.json`, which tells how much there was and the hash of everything before it.
 */
export const HEADER = 'header.json';
export const END = 'end.json';
export const ROWS = /^rows\/\d{6}\.jsonl\.gz$/;
export const BLOB = /^blobs\/([0-9a-f]{64})$/;

export const FORMAT_VERSION = 1;

export const headerSchema = z.object({
  format: z.literal('boxswain-export'),
  version: z.int(),
  /** Of the records; see `Snapshot`. */
  schema_version: z.string(),
  exported_at: z.string(),
});

export const endSchema = z.object({
  tables: z.record(z.string(), z.int()),
  blobs: z.int(),
  /** Of all bytes before this entry. */
  sha256: z.string(),
});

export const lineSchema = z.object({
  table: z.string(),
  row: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

export const jsonLine = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);
