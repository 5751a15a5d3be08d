import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { Log } from '../../../log/log.ts';
import type { Boxd, Talk, TalkEnd } from '../../sandbox/boxd/boxd.ts';
import {
  type AgentChild,
  type AgentProcess,
  type AgentStarter,
  type Exit,
  exitText,
  type Launch,
  MARK,
  type StartAgent,
} from '../processes/agent-process.ts';
import { askToEnd, complaintsOf } from '../processes/ending.ts';

const WORKSPACE = '/workspace';

export interface BoxedProcessesOptions {
  readonly boxd: Pick<Boxd, 'talk'>;
  readonly log: Log;
  /** Settles when the box is gone, with why, in words that follow a session's name. */
  readonly gone: Promise<string>;
}

/** Starts agents inside one box, where boxd holds their streams: they end with the box whatever happens, so nothing is kept on disk. */
export class BoxedProcesses implements AgentStarter {
  readonly #options: BoxedProcessesOptions;

  constructor(options: BoxedProcessesOptions) {
    this.#options = options;
  }

  async start(request: StartAgent): Promise<AgentProcess> {
    return this.#launch(request);
  }

  async prepare(known: Pick<StartAgent, 'kind' | 'sessionId' | 'cwd'>): Promise<Launch> {
    return program => this.#launch({ ...known, ...program });
  }

  #launch({ kind, command, args, cwd, environment }: StartAgent): AgentProcess {
    const { boxd, log, gone } = this.#options;
    const id = randomUUID();
    const talk = boxd.talk({
      argv: [command, ...args],
      // Agents of several sessions start in their home, which is no part of the workspace: each session names its own folder.
      cwd: cwd === WORKSPACE || cwd.startsWith(`${WORKSPACE}/`) ? cwd : WORKSPACE,
      env: { ...environment, [MARK]: id },
      mark: `${MARK}=${id}`,
    });
    const exited = exitOf(talk, gone);
    const child = new BoxedChild(talk, exited);
    return {
      pid: 0,
      child,
      exited,
      complaints: complaintsOf(talk.stderr),
      async end({ graceMs } = {}) {
        await askToEnd({ stdin: talk.stdin, over: exited, graceMs, kill: () => talk.kill() });
        const exit = await exited;
        log.debug({ kind, exit: exitText(exit) }, 'an agent in a box was ended');
        return exit;
      },
    };
  }
}

/** Whoever talked to it when its box died is told so, and not that it exited by itself. */
async function exitOf({ ended }: Talk, gone: Promise<string>): Promise<Exit> {
  let end: TalkEnd;
  try {
    end = await ended;
  } catch {
    return { code: null, signal: 'SIGKILL', reason: await gone };
  }
  const { exitCode: code, signal, limitHit } = end;
  const limit = { oom: 'it met the memory limit of its workspace', pids: 'it met the process limit of its workspace' };
  return { code, signal, ...(limitHit !== undefined && { reason: limit[limitHit] }) };
}

class BoxedChild extends EventEmitter implements AgentChild {
  readonly stdin: AgentChild['stdin'];
  readonly stdout: AgentChild['stdout'];
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  killed = false;
  readonly #talk: Talk;

  constructor(talk: Talk, exited: Promise<Exit>) {
    super();
    this.#talk = talk;
    this.stdin = talk.stdin;
    this.stdout = talk.stdout;
    void exited.then(({ code, signal }) => {
      this.exitCode = code;
      this.signalCode = signal === null ? null : signalNamed(signal);
      this.emit('exit', this.exitCode, this.signalCode);
    });
  }

  /** Whatever the signal: what asks its agent to stop does so over its input. */
  kill(): boolean {
    this.killed = true;
    this.#talk.kill();
    return this.exitCode === null && this.signalCode === null;
  }
}

const names = new Set<string>(Object.keys(constants.signals));
const isSignal = (name: string): name is NodeJS.Signals => names.has(name);
/** Real-time signals have no name here. */
const signalNamed = (name: string): NodeJS.Signals => (isSignal(name) ? name : 'SIGKILL');
