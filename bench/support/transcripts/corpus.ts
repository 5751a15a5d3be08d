import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claudeSlug } from '../../../src/worker/history/identity.ts';
import { claudeSession } from './claude-session.ts';
import { codexSession } from './codex-session.ts';
import { words } from './words.ts';

export interface Corpus {
  readonly bytes: number;
  readonly sessions: number;
  readonly roots: { readonly claude: string; readonly codex: string };
}

const PROJECTS = 200;
const FIRST_DAY = Date.UTC(2026, 0, 1);
const BYTES_OF_SESSION = 105_000;

/** Writes transcripts of about `bytes` below a folder: nine of ten sessions Claude Code's, the others Codex's. Always the same ones. */
export function writeCorpus(folder: string, { bytes }: { bytes: number }): Corpus {
  const source = words(bytes);
  const sessions = Math.max(10, Math.round(bytes / BYTES_OF_SESSION));
  const roots = { claude: join(folder, 'claude'), codex: join(folder, 'codex') };
  let written = 0;
  for (let at = 0; at < sessions; at++) {
    const cwd = `/home/someone/projects/p-${source.below(PROJECTS)}`;
    const startedAt = FIRST_DAY + at * 1_500_000;
    const isCodex = at % 10 === 9;
    // Most sessions are short.
    const turns = 1 + Math.floor(3 * (source.below(1000) / 1000) ** 3);
    const { id, lines } = isCodex
      ? codexSession({ words: source, cwd, turns: turns * 4, startedAt })
      : claudeSession({ words: source, cwd, turns, startedAt });
    const day = new Date(startedAt).toISOString().slice(0, 10);
    const parent = isCodex
      ? join(roots.codex, 'sessions', ...day.split('-'))
      : join(roots.claude, 'projects', claudeSlug(cwd));
    mkdirSync(parent, { recursive: true });
    const file = join(parent, isCodex ? `rollout-${day}T00-00-00-${id}.jsonl` : `${id}.jsonl`);
    writeFileSync(file, lines);
    utimesSync(file, startedAt / 1000, startedAt / 1000);
    written += lines.length;
  }
  return { bytes: written, sessions, roots };
}
