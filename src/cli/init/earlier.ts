import { join } from 'node:path';
import { z } from 'zod';
import type { ClientName, Machine } from './client.ts';
import { type Format, type Path, valueAt } from './document.ts';
import { configFolder } from './places.ts';

// The systems that Boxswain takes the place of told their users to write entries into files and forms which the clients of today do
// not read, and into those which they do. They are moved only when asked.

/** The names that their documents give to the entries. */
const NAMES: ReadonlySet<string> = new Set(['codegenapi', 'codez', 'codez-mcp']);

export interface EarlierPlace {
  readonly client: ClientName;
  readonly path: string;
  /** Where a list of servers with names, or servers by name, stands in it. */
  readonly place: Path;
}

/** Files that no client reads any more. */
export const earlierPlaces = (machine: Machine): readonly EarlierPlace[] => [
  { client: 'claude-code', path: join(configFolder(machine), 'claude', 'mcp_servers.json'), place: [] },
  { client: 'claude-code', path: join(machine.home, '.claude-code.json'), place: ['mcpServers'] },
  { client: 'cursor', path: join(machine.home, '.cursor', 'settings.json'), place: ['ai.mcpServers'] },
];

export interface EarlierEntry {
  readonly name: string;
  /** Where it stands in its file. */
  readonly path: Path;
  /** Names of the variables that it gives to its server: settings and secrets that Boxswain may need. */
  readonly variables: readonly string[];
  readonly url?: string;
}

const entrySchema = z.looseObject({
  name: z.string().optional(),
  url: z.string().optional().catch(undefined),
  env: z.record(z.string(), z.unknown()).optional().catch(undefined),
});
const listSchema = z.array(entrySchema.catch({}));
const mapSchema = z.record(z.string(), entrySchema.catch({}));

/** The entries of earlier systems, at a place of a document. */
export function earlierEntries(document: unknown, place: Path): EarlierEntry[] {
  const found = valueAt(document, place);
  const list = listSchema.safeParse(found);
  const named = list.success
    ? list.data.map((entry, at) => ({ name: entry.name ?? '', key: at, entry }))
    : Object.entries(mapSchema.safeParse(found).data ?? {}).map(([name, entry]) => ({ name, key: name, entry }));
  return named
    .filter(({ name }) => NAMES.has(name))
    .map(({ name, key, entry: { env = {}, url } }) => ({
      name,
      path: [...place, key],
      variables: Object.keys(env),
      ...(url !== undefined && { url }),
    }));
}

/** The text without them. */
export function withoutEarlier(text: string, { format, place }: { format: Format; place: Path }): string {
  // From the end, so that positions in lists stay what they are.
  const entries = earlierEntries(format.read(text), place).toReversed();
  return entries.reduce((changed, { path }) => format.remove(changed, path), text);
}
