import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { AppError } from '../../../../errors/app-error.ts';
import type { AgentKind } from '../../../../protocol/sessions.ts';
import { bringOurs } from '../../boxes/bring-ours.ts';
import { forkInBox } from '../../boxes/fork-in-box.ts';
import type { Driver, DriverHost, LiveAgent, OpenRequest, WarmRequest } from '../../driver.ts';
import type { AgentProcess } from '../../processes/agent-process.ts';
import type { AgentProcesses } from '../../processes/agent-processes.ts';
import { ScriptedSession } from './scripted-session.ts';
import { forkTranscript } from './transcript.ts';

const KIND = 'scripted';
const MODELS = ['scripted'];
/** Beside this file, and compiled as it is. */
const besides = (name: string): string => join(import.meta.dirname, `${name}${extname(import.meta.filename)}`);
const program = besides('agent');
const PACKAGES = ['zod'];

const described: AgentKind = {
  kind: KIND,
  name: 'Scripted agent',
  installed: true,
  authenticated: 'yes',
  models: MODELS,
  permissionModes: ['default', 'auto', 'plan', 'acceptEdits', 'dontAsk', 'bypassPermissions'],
  capabilities: {
    resume: true,
    fork: true,
    forkAtMessage: true,
    list: false,
    interrupt: true,
    permissions: true,
    denyMessage: true,
    updatedInput: true,
    remember: ['once', 'session', 'always'],
    usage: true,
    cost: true,
    inWorkspace: true,
    denyEndsTurn: false,
  },
};

interface Options {
  /** Where it keeps its transcripts. */
  readonly directory: string;
  readonly processes: AgentProcesses;
  /** Where Node keeps compiled code; default: nowhere. */
  readonly compileCache?: string;
}

/**
 * An agent that needs no model and does what its prompt says (see `script.ts`): for demonstrations, and for tests of all that is
 * built on agents.
 */
export function createScriptedDriver(options: Options): Driver {
  const { directory } = options;
  return {
    kind: KIND,
    describe: async () => described,
    boxed: {
      modelHosts: [],
      environment: () => ({}),
      async program(base) {
        const { command: forkCommand } = await bringOurs(base, {
          program: besides('fork-program'),
          packages: PACKAGES,
        });
        return { ...(await bringOurs(base, { program, packages: PACKAGES })), forkCommand };
      },
    },
    open: async (request, host) => openIn(await begin(request, options), { request, host }),
    async warm(request) {
      const running = await begin(request, options);
      return {
        exited: running.exited,
        close: async () => void (await running.end()),
        open: (asked, host) => openIn(running, { request: asked, host }),
      };
    },
    async fork({ box, ...request }) {
      if (box !== undefined) return await forkInBox(KIND, { ...request, box });
      const { agentSessionId: id, atMessageId, title } = request;
      return { agentSessionId: forkTranscript(directory, { id, atMessageId, title }) };
    },
  };
}

/** The process, without a session yet. */
async function begin(
  request: WarmRequest & Partial<Pick<OpenRequest, 'box' | 'sessionId'>>,
  { directory, processes, compileCache }: Options,
): Promise<AgentProcess> {
  refuseUnknownModel(request);
  const { box, sessionId, cwd } = request;
  if (box === undefined) await mkdir(directory, { recursive: true, mode: 0o700 });
  const [command, ...words] = box?.command ?? ([process.execPath, program] as const);
  const cached = compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache };
  return await (box?.processes ?? processes).start({
    kind: KIND,
    ...(sessionId !== undefined && { sessionId }),
    command,
    args: [...words, box?.environment.HOME ?? directory],
    cwd,
    environment: box?.environment ?? { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', ...cached },
  });
}

async function openIn(
  running: AgentProcess,
  { request, host }: { request: OpenRequest; host: DriverHost },
): Promise<LiveAgent> {
  try {
    await host.spawned({ pid: running.pid });
    return await new ScriptedSession(running, host).open(request);
  } catch (error) {
    await running.end({ graceMs: 0 });
    throw error;
  }
}

function refuseUnknownModel({ model }: WarmRequest): void {
  if (model === undefined || MODELS.includes(model)) return;
  throw new AppError('CAPABILITY_UNSUPPORTED', `${KIND} does not support model ${model}`, {
    hint: `use one of ${MODELS.join(', ')}`,
  });
}
