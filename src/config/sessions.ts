import { isAbsolute } from 'node:path';
import type { Config } from './config.ts';

/** Directories in which agents may work; empty: nowhere. */
export const sessionRoots = ({ sessions }: Pick<Config, 'sessions'>): readonly string[] => sessions.roots ?? [];

/** Toolsets that sessions belong to. */
const WANTING: ReadonlySet<string> = new Set(['sessions', 'core', 'fleet']);

/** Whether sessions with agents are to be had from a process of this configuration. */
export function offersSessions(config: Pick<Config, 'sessions' | 'toolsets'>): boolean {
  const { toolsets } = config;
  const isWanted = toolsets.length === 0 || toolsets.some(name => WANTING.has(name));
  return isWanted && sessionRoots(config).length > 0;
}

/**
 * On one machine agents may work in the home of its user, unless the configuration names other directories, or none. Not where
 * the home is the whole machine, as in some containers.
 */
export function withHome(config: Config, { HOME: home = '' }: Readonly<Record<string, string | undefined>>): Config {
  if (config.sessions.roots !== undefined || !isAbsolute(home) || home === '/') return config;
  return { ...config, sessions: { ...config.sessions, roots: [home] } };
}
