import { type Client, type Connection, type Machine, SERVER_NAME } from './client.ts';
import { type Format, isSame, valueAt } from './document.ts';
import { type EarlierEntry, type EarlierPlace, earlierEntries, withoutEarlier } from './earlier.ts';
import { backupPath, exists, type Replacement, readIfThere } from './files.ts';
import { jsonFormat } from './json-format.ts';
import { tomlFormat } from './toml-format.ts';

export type Outcome = 'added' | 'updated' | 'unchanged' | 'found' | 'moved' | 'restored' | 'cut out' | 'not there';

/** What is to become of one file. */
export interface Planned extends Replacement {
  readonly client: Client;
  readonly path: string;
  readonly outcome: Outcome;
  /** Entries of earlier systems that are in the file, or were. */
  readonly earlier: readonly EarlierEntry[];
}

const formats: Readonly<Record<Client['format'], Format>> = { json: jsonFormat, toml: tomlFormat };

/** The file that the client reads: the one that is there, else where its edition would look, else its usual place. */
export async function configPath(client: Client, machine: Machine): Promise<string> {
  const files = client.files(machine);
  for (const file of files) if (await exists(file)) return file;
  // A client with several editions: where the folder of one is.
  for (const [at, trace] of client.traces(machine).entries())
    if (files.length > 1 && files[at]?.startsWith(trace) && (await exists(trace))) return files[at];
  return files[0];
}

/** The entry put in, or brought up to date. Throws AppError where the file is left as it is. */
export async function planEntry(
  client: Client,
  { machine, connection, moves }: { machine: Machine; connection: Connection; moves: boolean },
): Promise<Planned> {
  const path = await configPath(client, machine);
  const before = await readIfThere(path);
  const wanted = client.entry(connection);
  const there = entryIn(client, before ?? '');
  const earlier = earlierIn(client, before ?? '');
  const plan = { client, path, before, earlier };
  if (isSame(there, wanted) && (!moves || earlier.length === 0))
    return { ...plan, after: before, outcome: 'unchanged', backup: 'keep' };
  if (there === undefined) {
    const after = withEntry(client, before ?? '', { entry: wanted, moves });
    return { ...plan, after, outcome: 'added', backup: before === undefined ? 'drop' : 'write' };
  }
  const origin = await originOf(client, { path, now: before ?? '' });
  const after = withEntry(client, origin === undefined ? (before ?? '') : (origin.text ?? ''), {
    entry: wanted,
    moves,
  });
  const isKept = origin !== undefined || (await exists(backupPath(path)));
  return { ...plan, after, outcome: 'updated', backup: isKept ? 'keep' : 'write' };
}

/** The entry taken out: where nothing else was changed since, the file becomes what it was, byte for byte. */
export async function planRemoval(client: Client, { machine }: { machine: Machine }): Promise<Planned> {
  const path = await configPath(client, machine);
  const before = await readIfThere(path);
  const plan = { client, path, before, earlier: [] };
  if (before === undefined || entryIn(client, before) === undefined)
    return { ...plan, after: before, outcome: 'not there', backup: 'keep' };
  const origin = await originOf(client, { path, now: before });
  if (origin !== undefined) return { ...plan, after: origin.text, outcome: 'restored', backup: 'drop' };
  const format = formats[client.format];
  const after = format.remove(before, [...client.place(format.read(before)), SERVER_NAME]);
  return { ...plan, after, outcome: 'cut out', backup: 'keep' };
}

/** The entries of earlier systems taken out of a file that no client reads; or, to undo that, put back. */
export async function planEarlier(
  client: Client,
  { path, place, undoes }: EarlierPlace & { undoes: boolean },
): Promise<Planned | undefined> {
  const before = await readIfThere(path);
  if (before === undefined) return undefined;
  const plan = { client, path, before };
  const earlier = earlierEntries(jsonFormat.read(before), place);
  if (!undoes && earlier.length > 0) {
    const after = withoutEarlier(before, { format: jsonFormat, place });
    return { ...plan, earlier, after, outcome: 'moved', backup: 'write' };
  }
  const original = undoes ? await readIfThere(backupPath(path)) : undefined;
  if (original === undefined || withoutEarlier(original, { format: jsonFormat, place }) !== before) return undefined;
  return { ...plan, earlier, after: original, outcome: 'restored', backup: 'drop' };
}

/** Such entries where the client still reads them. */
function earlierIn(client: Client, text: string): EarlierEntry[] {
  const document = formats[client.format].read(text);
  return earlierEntries(document, client.place(document));
}

function entryIn(client: Client, text: string): unknown {
  const document = formats[client.format].read(text);
  return valueAt(document, [...client.place(document), SERVER_NAME]);
}

function withEntry(client: Client, text: string, { entry, moves }: { entry: unknown; moves: boolean }): string {
  const format = formats[client.format];
  const place = client.place(format.read(text));
  const cleared = moves ? withoutEarlier(text, { format, place }) : text;
  return format.set(cleared, [...place, SERVER_NAME], entry);
}

/** What was there before, when all that happened to it since is that entry. Its text is undefined where there was no file. */
async function originOf(
  client: Client,
  { path, now }: { path: string; now: string },
): Promise<{ text: string | undefined } | undefined> {
  const text = await readIfThere(backupPath(path));
  // A copy with an entry of that name would bring back what is to go.
  if (text !== undefined && tried(() => entryIn(client, text)) !== undefined) return undefined;
  const entry = entryIn(client, now);
  const isIt = [false, true].some(moves => tried(() => withEntry(client, text ?? '', { entry, moves })) === now);
  return isIt ? { text } : undefined;
}

/** A copy that somebody has spoilt is none. */
function tried<Made>(make: () => Made): Made | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
