import { link, open, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { z } from 'zod';
import type { Blobs } from '../blobs/blobs.ts';
import { verified } from '../blobs/content.ts';
import { AppError } from '../errors/app-error.ts';
import type { Snapshot } from '../store/dump.ts';
import type { Store } from '../store/store.ts';
import { ArchiveWriter } from './archive.ts';
import { END, type endSchema, FORMAT_VERSION, HEADER, type headerSchema, jsonLine } from './format.ts';
import { type SurveyedWorkspace, WorkspaceSurvey } from './survey.ts';

/** Rows of one segment, uncompressed. */
const SEGMENT_CHARACTERS = 4 * 1_048_576;
const compress = promisify(gzip);

export interface ExportReport {
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>;
  readonly blobs: number;
  readonly blob_bytes: number;
  /** Blobs that records name and that are not there: what they held was lost before. */
  readonly missing_blobs: readonly string[];
  readonly workspaces: readonly SurveyedWorkspace[];
}

/**
 * Writes all records, as they are at one moment, and every blob they name into a new file. Files of workspaces are on their
 * worker's disk and travel as checkpoints only. Throws AppError VALIDATION_ERROR when the file cannot be made or is there already;
 * a file that is there afterwards is whole.
 */
export async function exportTo(
  path: string,
  { store, blobs, signal }: { store: Store; blobs: Blobs; signal: AbortSignal },
): Promise<ExportReport> {
  const draft = `${path}.${process.pid}.partial`;
  try {
    const file = await open(draft, 'wx', 0o600);
    await using _closed = file;
    const archive = new ArchiveWriter(file);
    const rows = await store.dump(snapshot => writeRows(archive, { snapshot, signal }));
    // Past the snapshot: copying blobs may take long, and a sweep spares what records named a moment ago.
    const copied = await writeBlobs(archive, { blobs, hashes: rows.referenced, signal });
    const end: z.input<typeof endSchema> = { tables: rows.tables, blobs: copied.blobs, sha256: archive.digest() };
    await archive.end(END, jsonLine(end));
    // Unlike a rename, a link never replaces what is there.
    await link(draft, path);
    return { tables: rows.tables, ...copied, workspaces: rows.workspaces };
  } catch (error) {
    throw unwritable(error);
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeRows(
  archive: ArchiveWriter,
  { snapshot, signal }: { snapshot: Snapshot; signal: AbortSignal },
): Promise<{ tables: Record<string, number>; workspaces: SurveyedWorkspace[]; referenced: Set<string> }> {
  const header: z.input<typeof headerSchema> = {
    format: 'boxswain-export',
    version: FORMAT_VERSION,
    schema_version: snapshot.schemaVersion,
    exported_at: new Date().toISOString(),
  };
  await archive.addBytes(HEADER, jsonLine(header));
  const survey = new WorkspaceSurvey();
  const tables: Record<string, number> = {};
  let segment: { lines: string[]; characters: number; number: number } = { lines: [], characters: 0, number: 1 };
  const flush = async () => {
    signal.throwIfAborted();
    const name = `rows/${String(segment.number).padStart(6, '0')}.jsonl.gz`;
    await archive.addBytes(name, await compress(segment.lines.join('')));
    segment = { lines: [], characters: 0, number: segment.number + 1 };
  };
  for await (const dumped of snapshot.rows()) {
    survey.look(dumped);
    tables[dumped.table] = (tables[dumped.table] ?? 0) + 1;
    const line = `${JSON.stringify(dumped)}\n`;
    segment.lines.push(line);
    segment.characters += line.length;
    if (segment.characters >= SEGMENT_CHARACTERS) await flush();
  }
  await flush();
  return { tables, workspaces: survey.result(), referenced: await snapshot.referencedBlobs() };
}

async function writeBlobs(
  archive: ArchiveWriter,
  { blobs, hashes, signal }: { blobs: Blobs; hashes: Iterable<string>; signal: AbortSignal },
): Promise<Pick<ExportReport, 'blobs' | 'blob_bytes' | 'missing_blobs'>> {
  let count = 0;
  let bytes = 0;
  const missing: string[] = [];
  for (const hash of hashes) {
    signal.throwIfAborted();
    const blob = await blobs.stat(hash);
    const content = blob && (await blobs.get(hash));
    if (!blob || !content) missing.push(hash);
    else {
      await archive.add({ name: `blobs/${hash}`, sizeBytes: blob.sizeBytes }, verified(content, hash));
      count += 1;
      bytes += blob.sizeBytes;
    }
  }
  return { blobs: count, blob_bytes: bytes, missing_blobs: missing };
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'the file is there already',
  ENOENT: 'the directory of the file is not there',
  EACCES: 'the file may not be written',
  EISDIR: 'the file is a directory',
};

function unwritable(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('DISK_FULL', 'there is no space left for the file', { hint: 'export to another disk' });
  }
  const reason = REASONS[code];
  return reason === undefined ? error : new AppError('VALIDATION_ERROR', reason, { hint: 'name another file' });
}
