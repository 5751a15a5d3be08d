import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Config } from './config.ts';
import { hostList } from './host-list.ts';

/** Kinds of agents that need no command. */
const KNOWN: ReadonlySet<string> = new Set(['claude', 'codex', 'gemini', 'opencode', 'scripted']);

/** Agents that run on this machine: which, where, how many. */
export const sessionsSchema = z
  .strictObject({
    roots: z
      .array(z.string())
      .optional()
      .describe(
        'directories in which agents may work, absolute; none: no sessions; default: your home on one machine, none in a cluster',
      ),
    agents: z
      .record(
        z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
        z.strictObject({
          command: z
            .array(z.string().min(1))
            .min(1)
            .optional()
            .describe('program and arguments that speak ACP on stdio'),
          name: z.string().optional().describe('name for people'),
          model_hosts: hostList.optional().describe('all that it may reach from within a workspace'),
          box_env: z
            .array(z.string())
            .default([])
            .describe('variables of the worker that it is given within a workspace'),
        }),
      )
      .refine(
        agents => Object.entries(agents).every(([kind, { command }]) => command !== undefined || KNOWN.has(kind)),
        'an agent that is not known needs a command',
      )
      .default({})
      .describe(
        'agents by kind: command, which speaks ACP, of one that is not known; model_hosts, which it may reach from within workspaces; box_env, the variables of the worker, such as a key, that it is given there, where all code can read them',
      ),
    default_agent: z.string().default('claude').describe('the agent of a session for which none is named'),
    max_live: z.int().min(1).max(1000).default(10).describe('agents that run at a time on this worker'),
    max_memory_mb: z
      .int()
      .min(64)
      .optional()
      .describe(
        'memory that agents may hold together before idle ones are ended and new ones refused; default: no limit',
      ),
    warm_agents: z
      .int()
      .min(0)
      .max(20)
      .default(0)
      .describe('agents started ahead for the next session of a project that has one; none while memory is short'),
    max_depth: z
      .int()
      .min(0)
      .max(16)
      .default(3)
      .describe('levels of sessions that sessions have begun; 0: none begins another'),
    max_children: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe('sessions that one session has begun and that were neither closed nor have failed'),
    park_after_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(600)
      .describe('an agent unused for so long is ended; its session can be gone on with'),
    permission_timeout_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(3600)
      .describe('a request for leave that nobody answers for so long is denied'),
    allow_bypass_permissions: z
      .boolean()
      .default(false)
      .describe('whether permission_mode bypassPermissions is allowed outside workspaces'),
    hooks: z
      .strictObject({
        token_file: z
          .string()
          .optional()
          .describe(
            'file of mode 0600 with what hooks of Claude Code in terminals show; default: hook-token in directory',
          ),
        hold_seconds: z
          .int()
          .min(1)
          .max(3600)
          .default(600)
          .describe('how long a request for leave of a terminal waits for an answer from elsewhere'),
      })
      .prefault({}),
  })
  .prefault({});

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
