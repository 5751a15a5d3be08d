import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { z } from 'zod';
import type { Blobs } from '../blobs/blobs.ts';
import { AppError } from '../errors/app-error.ts';
import { type DumpedRow, NotEmpty } from '../store/dump.ts';
import type { Store } from '../store/store.ts';
import { entriesOf, type Entry, lastBytes, Torn } from './archive.ts';
import { BLOB, END, endSchema, FORMAT_VERSION, HEADER, headerSchema, jsonLine, lineSchema, ROWS } from './format.ts';

const SMALL_BYTES = 1_048_576;
/** Far more than a segment ever is. */
const SEGMENT_LIMIT_BYTES = 1_073_741_824;
const unpack = promisify(gunzip);

export interface ImportReport {
  readonly exported_at: string;
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>;
  readonly blobs: number;
}

export interface ImportOptions {
  readonly store: Store;
  readonly blobs: Blobs;
  /** Deletes the records that are there first. */
  readonly replaces: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads an export into the store and the blobs: all of it, or no record of it. Throws AppError VALIDATION_ERROR for a file that is
 * damaged, incomplete, or of another version, and for a store that holds records which are not to be replaced.
 */
export async function importFrom(path: string, options: ImportOptions): Promise<ImportReport> {
  try {
    await using file = await open(path);
    const { header, end } = await inspect(file, options.signal);
    const schemaVersion = await options.store.dump(async snapshot => snapshot.schemaVersion);
    if (header.schema_version !== schemaVersion) throw otherVersion(header.schema_version, schemaVersion);
    const counts = await options.store.load(contentOf(file, options), { replaces: options.replaces });
    return { exported_at: header.exported_at, tables: Object.fromEntries(counts), blobs: end.blobs };
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Reads the whole file once, so that a damaged one is refused before anything is written. */
async function inspect(
  file: FileHandle,
  signal: AbortSignal,
): Promise<{ header: z.output<typeof headerSchema>; end: z.output<typeof endSchema> }> {
  const entries = await Array.fromAsync(entriesOf(file));
  const [first, last] = [entries[0], entries.at(-1)];
  if (first?.name !== HEADER) throw new Torn('it is no export');
  const header = await small(first, headerSchema);
  if (header.version !== FORMAT_VERSION) throw otherVersion(`format ${header.version}`, `format ${FORMAT_VERSION}`);
  if (last?.name !== END) throw new Torn('it ends early');
  const end = await small(last, endSchema);
  if (!(await tailOf(file, last.offset)).equals(lastBytes(END, jsonLine(end)))) throw new Torn('its end is damaged');
  if ((await digestOf(file, last.offset, signal)) !== end.sha256)
    throw new Torn('its content is not what was exported');
  const counts = new Map<string, number>();
  for (const entry of entries.filter(({ name }) => ROWS.test(name))) {
    signal.throwIfAborted();
    for (const { table } of await rowsOf(entry)) counts.set(table, (counts.get(table) ?? 0) + 1);
  }
  const tables = Object.entries(end.tables);
  const isCounted = counts.size === tables.length && tables.every(([table, count]) => counts.get(table) === count);
  const blobs = entries.filter(({ name }) => BLOB.test(name)).length;
  if (!isCounted || blobs !== end.blobs) throw new Torn('it holds more or less than its end says');
  return { header, end };
}

/** Blobs first, so that no record names one that is not there; they go to the disk while the rows' transaction waits. */
async function* contentOf(file: FileHandle, { blobs, signal }: ImportOptions): AsyncGenerator<DumpedRow> {
  for await (const entry of entriesOf(file)) {
    signal.throwIfAborted();
    const sha256 = BLOB.exec(entry.name)?.[1];
    if (sha256 !== undefined) await blobs.put(entry.stream(), { sha256, sizeBytes: entry.sizeBytes });
  }
  for await (const entry of entriesOf(file)) {
    signal.throwIfAborted();
    if (ROWS.test(entry.name)) yield* await rowsOf(entry);
  }
}

async function small<Content>(entry: Entry, schema: z.ZodType<Content>): Promise<Content> {
  if (entry.sizeBytes > SMALL_BYTES) throw new Torn(`${entry.name} is too large`);
  return parsed(String(await entry.read()), schema);
}

async function rowsOf(entry: Entry): Promise<DumpedRow[]> {
  const text = String(await unpack(await entry.read(), { maxOutputLength: SEGMENT_LIMIT_BYTES }));
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => parsed(line, lineSchema));
}

function parsed<Content>(text: string, schema: z.ZodType<Content>): Content {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Torn('it holds what no export holds', { cause });
  }
}

/** What stands behind the position, to the end of the file. */
async function tailOf(file: FileHandle, start: number): Promise<Buffer> {
  return await buffer(file.createReadStream({ start, end: start + 2 * SMALL_BYTES, autoClose: false }));
}

async function digestOf(file: FileHandle, end: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const bytes = file.createReadStream({ start: 0, end: end - 1, autoClose: false, signal });
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}

const otherVersion = (theirs: string, ours: string): AppError =>
  new AppError('VALIDATION_ERROR', `the export is of version ${theirs}, this program and its store are of ${ours}`, {
    hint: 'import it with the version of boxswain that wrote it, then update',
  });

function refusalOf(error: unknown): unknown {
  if (error instanceof Torn) {
    return new AppError('VALIDATION_ERROR', `the file cannot be imported: ${error.message}; nothing was changed`, {
      hint: 'export again, or copy the file again',
      cause: error,
    });
  }
  if (error instanceof NotEmpty) {
    return new AppError('VALIDATION_ERROR', `${error.message}; nothing was changed`, {
      hint: 'import into an empty installation, or use --replace to delete what is there',
      cause: error,
    });
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isUnreadable = ['ENOENT', 'EACCES', 'EISDIR'].includes(code);
  return isUnreadable
    ? new AppError('VALIDATION_ERROR', 'the file is not there or may not be read', { cause: error })
    : error;
}
