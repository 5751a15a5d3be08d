import { posix } from 'node:path';
import type { Config } from '../../../config/config.ts';
import { AppError } from '../../../errors/app-error.ts';
import type { Log } from '../../../log/log.ts';
import { operatorRule } from '../../../protocol/host-rules.ts';
import { BoxdGone } from '../../sandbox/boxd/boxd.ts';
import type { Lodging } from '../../sandbox/lodgings.ts';
import type { Secret } from '../../sandbox/redaction.ts';
import { PROXY_ENV } from '../../sandbox/tools/proxy-env.ts';
import type { Workspaces } from '../../workspaces.ts';
import type { AgentBox, Driver } from '../driver.ts';
import type { BoxPrograms } from './box-programs.ts';
import { unavailable } from './bring-program.ts';
import { BoxedProcesses } from './boxed-process.ts';

/** Beside the installed packages: private to the workspace, part of its checkpoints, and out of the way of its files and of git. */
const HOMES = '/env/agents';
const WORKSPACE = '/workspace';
const PATH = '/env/python/bin:/env/node/node_modules/.bin:/opt/boxswain/bin:/usr/local/bin:/usr/bin:/bin';
const PREPARE_MS = 20_000;
const MOST_OUTPUT_BYTES = 64 * 1024;
/** What the box says of a path that is no folder of the workspace. */
const NO_FOLDER: ReadonlySet<string> = new Set(['FILE_NOT_FOUND', 'WRONG_FILE_TYPE', 'PATH_INVALID']);

type Hold = Parameters<Workspaces['get']>[0];

interface Options {
  readonly workspaces: Workspaces;
  readonly programs: BoxPrograms;
  readonly config: Config;
  readonly log: Log;
  /** Of the user whose agents these are: of it only what the configuration names for the kind goes into boxes. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A place in a box for one session. */
export interface SessionBox extends AgentBox {
  /** Of the workspace: nothing that is told of the agent may hold them. */
  secrets(): readonly Secret[];
  /** Whether a turn runs: meanwhile the workspace stays where it is. */
  works(isWorking: boolean): void;
  /** Puts a file where the agent can read it; its path there. */
  bring(file: { readonly name: string; readonly bytes: Uint8Array }): Promise<string>;
  /** Closes the way to the agent's model. Idempotent. */
  leave(): void;
}

/** Places for agents inside the sandboxes of the workspaces that this worker holds. */
export class AgentBoxes {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  has(kind: string): Promise<boolean> {
    return this.#options.programs.has(kind);
  }

  /** The folder as the box knows it. Throws AGENT_UNAVAILABLE, INVALID_CWD, and NotHere for a workspace that is held elsewhere. */
  async check({ agent, cwd, hold }: { agent: string; cwd: string; hold: Hold }): Promise<string> {
    await this.#options.programs.commandsOf(agent);
    const lodging = await this.#options.workspaces.get(hold).lodgings.open();
    try {
      const { path } = await lodging.boxd.list({ path: cwd, recursive: false, limit: 1 });
      return posix.join(WORKSPACE, path);
    } catch (error) {
      if (!(error instanceof AppError && NO_FOLDER.has(error.code))) throw await explained(error, lodging);
      throw new AppError(
        'INVALID_CWD',
        `cwd must be an existing directory inside the workspace: ${cwd.slice(0, 500)}`,
        {
          hint: 'name a directory relative to the workspace, or leave cwd out',
        },
      );
    } finally {
      lodging.leave();
    }
  }

  /** Throws like `check`, and SANDBOX_DIED. Whoever has it leaves it. */
  async open({ kind, boxed }: Driver, { sessionId, hold }: { sessionId: string; hold: Hold }): Promise<SessionBox> {
    const { programs, config, environment, log, workspaces } = this.#options;
    const commands = await programs.commandsOf(kind);
    if (boxed === undefined) throw unavailable(kind, 'it does not run there');
    const lodging = await workspaces.get(hold).lodgings.open();
    const home = posix.join(HOMES, kind);
    const settings = config.sessions.agents[kind];
    try {
      await inBox(lodging, ['/bin/mkdir', '-p', '-m', '700', home]);
      const hosts = settings?.model_hosts ?? boxed.modelHosts;
      const opened = lodging.egress.allow(hosts.map(operatorRule));
      const given = (settings?.box_env ?? []).flatMap(name => {
        const value = environment[name];
        return value === undefined ? [] : [[name, value]];
      });
      return {
        key: `${hold.workspaceId} ${hold.epoch} ${lodging.generation}`,
        ...commands,
        environment: {
          ...PROXY_ENV,
          ...{ PATH, LANG: 'C.UTF-8', SHELL: '/bin/bash', USER: 'box' },
          ...Object.fromEntries(given),
          ...lodging.env,
          ...{ HOME: home, ...boxed.environment(home) },
        },
        processes: new BoxedProcesses({ boxd: lodging.boxd, log, gone: lodging.gone }),
        works: lodging.works,
        secrets: lodging.secrets,
        bring: async ({ name, bytes }) => {
          const path = posix.join(home, 'uploads', sessionId, name);
          const script = 'mkdir -p -m 700 "$(dirname "$1")" && cat > "$1"';
          await inBox(lodging, ['/bin/sh', '-c', script, 'sh', path], bytes);
          return path;
        },
        leave() {
          opened[Symbol.dispose]();
          lodging.leave();
        },
      };
    } catch (error) {
      lodging.leave();
      throw await explained(error, lodging);
    }
  }
}

/** Runs something small. Throws DISK_FULL and SANDBOX_DIED. */
async function inBox(lodging: Lodging, argv: readonly string[], stdin?: Uint8Array): Promise<void> {
  const request = { argv, cwd: '', env: {}, timeoutMs: PREPARE_MS, outputBytes: MOST_OUTPUT_BYTES, stdin };
  const { signal } = new AbortController();
  const { exitCode, diskFull } = await lodging.boxd.exec(request, { signal, onOutput() {} }).catch(async error => {
    throw await explained(error, lodging);
  });
  if (diskFull) throw new AppError('DISK_FULL', 'the workspace has no disk space left for its agent');
  if (exitCode !== 0)
    throw new AppError('SANDBOX_DIED', 'the workspace has no room for its agent', { details: { reason: 'killed' } });
}

async function explained(error: unknown, { gone }: Lodging): Promise<unknown> {
  return error instanceof BoxdGone
    ? new AppError('SANDBOX_DIED', await gone, { details: { reason: 'killed' }, cause: error })
    : error;
}
