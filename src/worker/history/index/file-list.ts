import { type Dirent, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { HistoryAgent } from '../../../protocol/history.ts';
import type { HistoryRoots } from '../roots.ts';

/** A transcript on disk. */
export interface TranscriptFile {
  readonly agent: HistoryAgent;
  readonly path: string;
}

/** A folder in which transcripts, or folders of them, may appear. */
export interface TranscriptFolder {
  readonly agent: HistoryAgent;
  readonly path: string;
  /** What stands directly in it. */
  readonly files: readonly TranscriptFile[];
  /** How transcripts in it are called; undefined: it only holds folders. */
  readonly names?: RegExp;
}

/**
 * All folders of transcripts and what they hold, parents first. Folders that cannot be read are left out: an agent may remove them at
 * any moment.
 */
export function* transcriptFolders(roots: HistoryRoots): Generator<TranscriptFolder> {
  if (roots.claude !== undefined) yield* claudeFolders(join(roots.claude, 'projects'));
  if (roots.codex !== undefined) {
    yield* codexFolders(join(roots.codex, 'sessions'), 0);
    const archived = join(roots.codex, 'archived_sessions');
    if (statsOf(archived) !== undefined) yield* codexFolders(archived, 3);
  }
  if (roots.gemini !== undefined) yield* geminiFolders(join(roots.gemini, 'tmp'));
  if (roots.opencode !== undefined) yield openCodeFolder(roots.opencode);
  if (roots.scripted !== undefined) {
    const entries = entriesOf(roots.scripted);
    yield folderOf('scripted', { path: roots.scripted, entries, pattern: names.scripted });
  }
}

const names = {
  claude: /\.jsonl$/,
  subagent: /^agent-.*\.jsonl$/,
  codex: /^rollout-.*\.jsonl$/,
  gemini: /^session-.*\.jsonl?$|^session-.*\.json$/,
  opencode: /^opencode\.db$/,
  scripted: /^[0-9a-f-]{36}\.jsonl$/,
} as const;

function folderOf(
  agent: HistoryAgent,
  { path, entries, pattern }: { path: string; entries: readonly Dirent[]; pattern?: RegExp },
): TranscriptFolder {
  const files =
    pattern === undefined ? [] : filesNamed(entries, pattern).map(name => ({ agent, path: join(path, name) }));
  return { agent, path, files, names: pattern };
}

function* claudeFolders(projects: string): Generator<TranscriptFolder> {
  yield folderOf('claude', { path: projects, entries: [] });
  for (const project of foldersIn(projects)) {
    const path = join(projects, project);
    const entries = entriesOf(path);
    yield folderOf('claude', { path, entries, pattern: names.claude });
    for (const session of entries.filter(entry => entry.isDirectory() && entry.name !== 'memory')) {
      const subagents = join(path, session.name, 'subagents');
      const found = entriesOf(subagents);
      yield folderOf('claude', { path: join(path, session.name), entries: [] });
      if (found.length > 0) yield folderOf('claude', { path: subagents, entries: found, pattern: names.subagent });
    }
  }
}

/** Years, months and days below each other. */
function* codexFolders(path: string, depth: number): Generator<TranscriptFolder> {
  const entries = entriesOf(path);
  yield folderOf('codex', { path, entries, pattern: names.codex });
  if (depth === 3) return;
  for (const entry of entries) if (entry.isDirectory()) yield* codexFolders(join(path, entry.name), depth + 1);
}

function* geminiFolders(path: string): Generator<TranscriptFolder> {
  yield folderOf('gemini', { path, entries: [] });
  for (const project of foldersIn(path)) {
    const chats = join(path, project, 'chats');
    const entries = entriesOf(chats);
    // Until there are chats their folder may be missing.
    if (entries.length === 0) yield folderOf('gemini', { path: join(path, project), entries: [] });
    if (statsOf(chats) !== undefined) yield folderOf('gemini', { path: chats, entries, pattern: names.gemini });
  }
}

function openCodeFolder(path: string): TranscriptFolder {
  return folderOf('opencode', { path, entries: entriesOf(path), pattern: names.opencode });
}

const foldersIn = (path: string): string[] =>
  entriesOf(path)
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name);

const filesNamed = (entries: readonly Dirent[], pattern: RegExp): string[] =>
  entries.filter(entry => entry.isFile() && pattern.test(entry.name)).map(entry => entry.name);

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // Not there, not ours to read, or just removed.
    return [];
  }
}

/** Undefined when there is no such file, or none that we may look at. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
