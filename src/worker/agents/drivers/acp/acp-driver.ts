import { z } from 'zod';
import { AppError } from '../../../../errors/app-error.ts';
import type { Log } from '../../../../log/log.ts';
import type { AgentCapabilities, AgentKind } from '../../../../protocol/sessions.ts';
import { bringProgram } from '../../boxes/bring-program.ts';
import type { AgentBox, Driver } from '../../driver.ts';
import type { AgentProcesses } from '../../processes/agent-processes.ts';
import { findProgram } from '../find-program.ts';
import { plainError } from '../plain-error.ts';
import { nothingUsed } from '../usage.ts';
import type { Hello } from './acp-process.ts';
import { AcpSession } from './acp-session.ts';
import { CodecV1, modesOf } from './codec-v1.ts';
import type { AcpAgent } from './known-agents.ts';
import { lacks, openSession, unavailable } from './open-session.ts';
import { SharedProcesses } from './shared-process.ts';

export interface AcpDriverOptions {
  readonly agent: AcpAgent;
  readonly processes: AgentProcesses;
  readonly log: Log;
  /** All that the agent sees of an environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** An agent that speaks the Agent Client Protocol, each of its methods used only where the agent says that it has it. */
export function createAcpDriver(options: AcpDriverOptions): Driver {
  const { agent, environment } = options;
  const shared = new SharedProcesses();
  let hello: Hello | undefined;

  async function use(box?: AgentBox) {
    const program = box?.command[0] ?? (await findProgram(agent.command, environment.PATH));
    if (program === undefined) throw unavailable(agent, `${agent.command} is not installed`);
    const place = box ? { ...box, words: box.command.slice(1) } : { ...options, words: [] };
    const used = await shared.use({ ...place, agent, log: options.log, program }).catch(error => {
      if (error instanceof AppError && error.code === 'AGENT_UNAVAILABLE') throw error;
      throw unavailable(agent, 'it does not start, or speaks another protocol');
    });
    hello = used.process.hello;
    return used;
  }

  async function greet(): Promise<void> {
    const { giveBack } = await use();
    await giveBack();
  }

  return {
    kind: agent.kind,
    async describe(signal) {
      const path = await findProgram(agent.command, environment.PATH);
      if (path === undefined) return describeAgent(agent, { reason: `${agent.command} is not installed` });
      signal.throwIfAborted();
      try {
        // What it can is told by the program only, once it runs; asked once.
        if (hello === undefined) await until(signal, greet());
        return describeAgent(agent, { path, hello });
      } catch (error) {
        const reason = error instanceof AppError ? error.message : 'it has not started yet; ask again';
        return describeAgent(agent, { path, reason });
      }
    },
    ...(agent.boxed && {
      boxed: {
        ...agent.boxed,
        program: base => bringProgram({ kind: agent.kind, program: agent.command, path: environment.PATH, base }),
      },
    }),
    async open(request, host) {
      const { box } = request;
      const { process, giveBack } = await use(box);
      try {
        request.signal.throwIfAborted();
        await host.spawned({ pid: process.running.pid });
        const { agentSessionId, model } = await openSession(process, request, agent);
        const codec = new CodecV1(request.sessionId, agent);
        const plain = (text: string) =>
          plainError(text, { cwd: request.cwd, environment: box?.environment ?? environment });
        const used = request.used ?? nothingUsed;
        if (model !== undefined) host.emit({ kind: 'model', model });
        return new AcpSession({ agent, agentSessionId, process, codec, host, used, plain, giveBack });
      } catch (error) {
        await giveBack();
        throw error;
      }
    },
    async fork({ agentSessionId, cwd, atMessageId, box }) {
      if (atMessageId !== undefined) throw lacks(agent, 'fork at a message');
      const { process, giveBack } = await use(box);
      try {
        const { fork, close } = process.hello.agentCapabilities?.sessionCapabilities ?? {};
        if (!fork) throw lacks(agent, 'fork');
        const forked = process.request('session/fork', { sessionId: agentSessionId, cwd, mcpServers: [] });
        const { sessionId } = forkedSchema.parse(
          await forked.catch(error => {
            if (error instanceof AppError) throw error;
            throw new AppError('SESSION_NOT_FOUND', `Session not found: ${agent.name} cannot fork it`);
          }),
        );
        if (close) await process.request('session/close', { sessionId });
        return { agentSessionId: sessionId };
      } finally {
        await giveBack();
      }
    },
  };
}

/** Rejects when the signal fires first; what was begun goes on. */
async function until(signal: AbortSignal, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal });
  });
  try {
    await Promise.race([work, late]);
  } finally {
    over.abort();
    work.catch(() => undefined);
  }
}

const forkedSchema = z.looseObject({ sessionId: z.string() });

function describeAgent(agent: AcpAgent, found: { path?: string; hello?: Hello; reason?: string }): AgentKind {
  const { path, hello, reason } = found;
  const known = {
    kind: agent.kind,
    name: agent.name,
    models: [],
    permissionModes: modesOf(agent).map(([mode]) => mode),
  };
  return {
    ...known,
    installed: path !== undefined,
    version: hello?.agentInfo?.version,
    path,
    authenticated: 'unknown',
    reason,
    capabilities: capabilitiesOf(agent, hello),
  };
}

function capabilitiesOf(agent: AcpAgent, hello: Hello | undefined): AgentCapabilities {
  const { loadSession, sessionCapabilities } = hello?.agentCapabilities ?? {};
  return {
    resume: agent.cannotResume !== true && (loadSession === true || Boolean(sessionCapabilities?.resume)),
    fork: Boolean(sessionCapabilities?.fork),
    forkAtMessage: false,
    list: Boolean(sessionCapabilities?.list),
    interrupt: true,
    permissions: true,
    // The protocol carries the choice, no words and no other input.
    denyMessage: false,
    updatedInput: false,
    remember: ['once', agent.remembers],
    usage: agent.usage,
    cost: agent.cost,
    inWorkspace: agent.boxed !== undefined,
    denyEndsTurn: agent.denyEndsTurn,
  };
}
