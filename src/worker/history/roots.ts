import { join } from 'node:path';
import type { HistoryAgent } from '../../protocol/history.ts';

/** Where each agent keeps its records; one that is left out is not read. */
export interface HistoryRoots {
  /** Claude Code's configuration folder. */
  readonly claude?: string;
  /** Codex's home folder. */
  readonly codex?: string;
  /** Gemini CLI's `.gemini`. */
  readonly gemini?: string;
  /** OpenCode's data folder. */
  readonly opencode?: string;
  /** OpenCode's configuration folder, for its instructions. */
  readonly opencodeConfig?: string;
  /** The scripted agent's folder. */
  readonly scripted?: string;
}

/** Where the agents of the user whose environment this is keep theirs, unless `paths` says otherwise. */
export function historyRoots(
  environment: Readonly<Record<string, string | undefined>>,
  paths: Readonly<Partial<Record<HistoryAgent, string>>> = {},
): HistoryRoots {
  const home = environment.HOME;
  const below = (...names: string[]): string | undefined => (home ? join(home, ...names) : undefined);
  const inFolder = (folder: string | undefined, name: string): string | undefined =>
    folder ? join(folder, name) : undefined;
  return {
    claude: paths.claude ?? (environment.CLAUDE_CONFIG_DIR || below('.claude')),
    codex: paths.codex ?? (environment.CODEX_HOME || below('.codex')),
    gemini: paths.gemini ?? below('.gemini'),
    opencode: paths.opencode ?? inFolder(environment.XDG_DATA_HOME || below('.local', 'share'), 'opencode'),
    opencodeConfig: inFolder(environment.XDG_CONFIG_HOME || below('.config'), 'opencode'),
  };
}
