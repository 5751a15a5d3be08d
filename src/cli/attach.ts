import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { AppError } from '../errors/app-error.ts';
import type { ClientCall, LocalFile, OperationClient } from './client.ts';

/** Of the files that people send; the server looks at the bytes itself. */
const TYPES: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.txt': 'text/plain',
  '.log': 'text/plain',
  '.csv': 'text/csv',
  '.html': 'text/html',
  '.json': 'application/json',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
};

/** Uploads the files that were named on the command line; what `attachments` is then. */
export async function attach(
  client: OperationClient,
  { sessionId, files, call }: { sessionId: unknown; files: readonly string[]; call: ClientCall },
): Promise<{ fileId: string }[]> {
  if (typeof sessionId !== 'string')
    throw new AppError('VALIDATION_ERROR', '--attach needs the session', { hint: 'name the session first' });
  const read = await Promise.all(files.map(readLocal));
  const attached: { fileId: string }[] = [];
  for (const file of read) {
    const { fileId } = await client.upload(sessionId, file, call);
    attached.push({ fileId });
  }
  return attached;
}

async function readLocal(path: string): Promise<LocalFile> {
  try {
    const bytes = await readFile(path);
    return { name: basename(path), contentType: TYPES[extname(path).toLowerCase()] ?? '', bytes };
  } catch (cause) {
    throw new AppError('FILE_NOT_FOUND', `${path} cannot be read`, { hint: 'check the path after --attach', cause });
  }
}
