import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { HistoryAgent } from '../../protocol/history.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_SLUG_CHARS = 200;

/** Our id of a session: the agent's where it is a UUID, else one that always follows from it. */
export function sessionUid(agent: HistoryAgent, agentSessionId: string): string {
  const lower = agentSessionId.toLowerCase();
  if (UUID.test(lower)) return lower;
  const hex = createHash('sha256').update(`${agent}:${agentSessionId}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The name that Claude Code gives to a project's folder. Different paths may have the same. */
export function claudeSlug(path: string): string {
  const slug = path.replaceAll(/[^a-zA-Z0-9]/g, '-');
  if (slug.length <= MAX_SLUG_CHARS) return slug;
  let hash = 0;
  for (let at = 0; at < path.length; at++) hash = ((hash << 5) - hash + path.charCodeAt(at)) | 0;
  return `${slug.slice(0, MAX_SLUG_CHARS)}-${Math.abs(hash).toString(36)}`;
}

/** The slug of a project whose plain one another path has. */
export function distinctSlug(path: string): string {
  return `${claudeSlug(path)}~${createHash('sha256').update(path).digest('hex').slice(0, 6)}`;
}

export interface RepositoryNames {
  readonly repoName?: string;
  /** Of a linked worktree. */
  readonly worktreeLabel?: string;
}

/** Names of the git repository around a directory, from its files alone; nothing when there is none. */
export function repositoryNames(path: string): RepositoryNames {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const names = namesAt(folder);
    if (names !== undefined) return names;
    if (dirname(folder) === folder) return {};
  }
}

function namesAt(folder: string): RepositoryNames | undefined {
  const git = join(folder, '.git');
  const stats = statSync(git, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isDirectory()) return { repoName: basename(folder) };
  const target = /^gitdir: (.+)$/m.exec(readFileSync(git, 'utf8').slice(0, 4096))?.[1];
  // <repository>/.git/worktrees/<label>; a submodule's is <repository>/.git/modules/<name>.
  const parts =
    target === undefined ? null : /^(.*)\/\.git\/worktrees\/([^/]+)\/?$/.exec(resolve(folder, target.trim()));
  if (parts === null) return { repoName: basename(folder) };
  return { repoName: basename(parts[1] ?? ''), worktreeLabel: parts[2] };
}
