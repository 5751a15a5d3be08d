import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { HistoryAgent, MemoryFile } from '../../protocol/history.ts';
import { claudeSlug } from './identity.ts';
import type { HistoryRoots } from './roots.ts';

const MAX_BYTES = 256 * 1024;
const MAX_FILES = 500;
const MAX_DEPTH = 5;

interface Wanted {
  readonly path: string;
  /** Relative to what it belongs to. */
  readonly filename: string;
  readonly kind: MemoryFile['kind'];
  readonly agent: HistoryAgent;
}

/** What agents are told about a project beforehand, and with `all` also the instructions and rules that people wrote. */
export function projectMemory(
  path: string,
  { roots, include }: { roots: HistoryRoots; include: 'memory' | 'all' },
): MemoryFile[] {
  const wanted = [
    ...memoryFiles(path, roots),
    ...(include === 'all' ? [...instructions(path, roots), ...rules(path, roots)] : []),
  ];
  const seen = new Set<string>();
  return wanted.flatMap(file => {
    if (seen.has(file.path) || seen.size >= MAX_FILES) return [];
    seen.add(file.path);
    return readFile(file) ?? [];
  });
}

function memoryFiles(path: string, { claude }: HistoryRoots): Wanted[] {
  if (claude === undefined) return [];
  const folder = join(claude, 'projects', claudeSlug(path), 'memory');
  return filesBelow(folder, /./).map(file => ({
    path: file,
    filename: relative(folder, file),
    kind: 'memory',
    agent: 'claude',
  }));
}

/** The user's own, then those of each directory from the root of the file system down to the project. */
function instructions(path: string, roots: HistoryRoots): Wanted[] {
  const folders: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  const own: [HistoryAgent, string | undefined, string][] = [
    ['claude', roots.claude, 'CLAUDE.md'],
    ['codex', roots.codex, 'AGENTS.override.md'],
    ['codex', roots.codex, 'AGENTS.md'],
    ['gemini', roots.gemini, 'GEMINI.md'],
    ['opencode', roots.opencodeConfig, 'AGENTS.md'],
  ];
  const shared: [HistoryAgent, string][] = [
    ['claude', 'CLAUDE.md'],
    ['claude', '.claude/CLAUDE.md'],
    ['claude', 'CLAUDE.local.md'],
    ['codex', 'AGENTS.override.md'],
    ['codex', 'AGENTS.md'],
    ['gemini', 'GEMINI.md'],
  ];
  return [
    ...own.flatMap(([agent, root, name]) => (root === undefined ? [] : [instruction(agent, join(root, name))])),
    ...folders.flatMap(folder => shared.map(([agent, name]) => instruction(agent, join(folder, name)))),
  ];
}

const instruction = (agent: HistoryAgent, path: string): Wanted => ({
  path,
  filename: basename(path),
  kind: 'instructions',
  agent,
});

function rules(path: string, { claude }: HistoryRoots): Wanted[] {
  const folders = [claude, join(path, '.claude')].flatMap(root => (root === undefined ? [] : [join(root, 'rules')]));
  return folders.flatMap(folder =>
    filesBelow(folder, /\.md$/).map(file => ({
      path: file,
      filename: relative(folder, file),
      kind: 'rules',
      agent: 'claude',
    })),
  );
}

function filesBelow(folder: string, names: RegExp, depth = 0): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap(entry => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return depth < MAX_DEPTH ? filesBelow(path, names, depth + 1) : [];
        return entry.isFile() && names.test(entry.name) ? [path] : [];
      });
  } catch {
    // There is no such folder, or none that we may read.
    return [];
  }
}

/** The beginning of a file; undefined for what is not there or is no file. */
function readFile({ path, filename, kind, agent }: Wanted): MemoryFile | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return undefined;
    const bytes = Buffer.alloc(Math.min(stats.size, MAX_BYTES));
    const count = readSync(file, bytes, 0, bytes.length, 0);
    const truncated = stats.size > MAX_BYTES;
    // A character that the limit cut in two is left out.
    const content = new TextDecoder().decode(bytes.subarray(0, count), { stream: truncated });
    return { filename, content, path, kind, agent, sizeBytes: stats.size, truncated };
  } finally {
    closeSync(file);
  }
}
