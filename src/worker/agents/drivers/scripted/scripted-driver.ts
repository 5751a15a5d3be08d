import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { AppError } from '../../../../errors/app-error.ts';
import type { AgentKind } from '../../../../protocol/sessions.ts';
import type { Driver, OpenRequest } from '../../driver.ts';
import type { AgentProcesses } from '../../processes/agent-processes.ts';
import { ScriptedSession } from './scripted-session.ts';
import { forkTranscript } from './transcript.ts';

const KIND = 'scripted';
const MODELS = ['scripted'];
/** Beside this file, and compiled as it is. */
const program = join(import.meta.dirname, `agent${extname(import.meta.filename)}`);

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
    inWorkspace: false,
    denyEndsTurn: false,
  },
};

/**
 * An agent that needs no model and does what its prompt says (see `script.ts`): for demonstrations, and for tests of all that is
 * built on agents. `directory` is where it keeps its transcripts.
 */
export function createScriptedDriver(options: { directory: string; processes: AgentProcesses }): Driver {
  const { directory, processes } = options;
  return {
    kind: KIND,
    describe: async () => described,
    async open(request, host) {
      refuseUnknownModel(request);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const running = await processes.start({
        kind: KIND,
        sessionId: request.sessionId,
        command: process.execPath,
        args: [program, directory],
        cwd: request.cwd,
        environment: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' },
      });
      try {
        await host.spawned({ pid: running.pid });
        const session = new ScriptedSession(running, host);
        return await session.open(request);
      } catch (error) {
        await running.end({ graceMs: 0 });
        throw error;
      }
    },
    fork: async ({ agentSessionId, atMessageId, title }) => ({
      agentSessionId: forkTranscript(directory, { id: agentSessionId, atMessageId, title }),
    }),
  };
}

function refuseUnknownModel({ model }: OpenRequest): void {
  if (model === undefined || MODELS.includes(model)) return;
  throw new AppError('CAPABILITY_UNSUPPORTED', `${KIND} does not support model ${model}`, {
    hint: `use one of ${MODELS.join(', ')}`,
  });
}
