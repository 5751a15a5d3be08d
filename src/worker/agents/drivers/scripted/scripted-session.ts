import { createInterface } from 'node:readline';
import { AppError } from '../../../../errors/app-error.ts';
import type { DriverHost, LiveAgent, OpenRequest, Prompt, TurnEnd } from '../../driver.ts';
import { type AgentProcess, agentExited } from '../../processes/agent-process.ts';
import { settledWithin } from '../settled-within.ts';
import { type FromAgent, fromAgentSchema, type Question, type ToAgent } from './wire.ts';

/** After that an agent that is to end anyway is not asked any more. */
const INTERRUPT_MS = 1000;

/** The driver's side of one process of the scripted agent. */
export class ScriptedSession implements LiveAgent {
  readonly exited: LiveAgent['exited'];
  readonly #running: AgentProcess;
  readonly #host: DriverHost;
  readonly #ready = Promise.withResolvers<string>();
  readonly #asking = new Map<string, AbortController>();
  #turn: PromiseWithResolvers<TurnEnd> | undefined;
  agentSessionId = '';

  constructor(running: AgentProcess, host: DriverHost) {
    this.#running = running;
    this.#host = host;
    this.#ready.promise.catch(() => undefined);
    const heard = this.#listen();
    // What it said before its end is heard before its end.
    this.exited = running.exited.then(async exit => {
      await heard;
      const failure = agentExited(exit);
      this.#ready.reject(failure);
      this.#turn?.reject(failure);
      for (const asking of this.#asking.values()) asking.abort(failure);
      return exit;
    });
  }

  async open({ sessionId, resume, model, permissionMode, signal }: OpenRequest): Promise<LiveAgent> {
    signal.throwIfAborted();
    const aborted = () => this.#ready.reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    this.#send({ kind: 'open', sessionId, resume, model, permissionMode });
    try {
      this.agentSessionId = await this.#ready.promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
    return this;
  }

  async prompt({ text, attachments }: Prompt): Promise<TurnEnd> {
    if (this.#running.child.exitCode !== null || this.#running.child.signalCode !== null) {
      throw agentExited(await this.exited);
    }
    const turn = Promise.withResolvers<TurnEnd>();
    this.#turn = turn;
    this.#send({ kind: 'prompt', text, attachments: attachments.map(({ path, seenAs = path }) => seenAs) });
    try {
      return await turn.promise;
    } finally {
      this.#turn = undefined;
    }
  }

  async interrupt(): Promise<void> {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#send({ kind: 'interrupt' });
    await turn.promise.catch(() => undefined);
  }

  async close(): Promise<void> {
    await settledWithin(INTERRUPT_MS, this.interrupt());
    await this.#running.end();
    await this.exited;
  }

  #send(line: ToAgent): void {
    this.#running.child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  async #listen(): Promise<void> {
    for await (const text of createInterface({ input: this.#running.child.stdout })) {
      const line = readLine(text);
      if (line !== undefined) this.#heard(line);
    }
  }

  #heard(line: FromAgent): void {
    if (line.kind === 'ready') this.#ready.resolve(line.agentSessionId);
    if (line.kind === 'unknown_session') {
      this.#ready.reject(new AppError('SESSION_NOT_FOUND', 'Session not found: the agent has no transcript of it'));
    }
    if (line.kind === 'update') this.#host.emit(line.update);
    if (line.kind === 'ask') void this.#ask(line.question);
    if (line.kind === 'withdrawn') this.#asking.get(line.requestId)?.abort();
    if (line.kind === 'end') this.#turn?.resolve(line.end);
  }

  async #ask(question: Question): Promise<void> {
    const { requestId } = question;
    const asking = new AbortController();
    this.#asking.set(requestId, asking);
    const answer = await this.#host.ask(question, asking.signal);
    this.#asking.delete(requestId);
    this.#send({ kind: 'answer', requestId, answer });
  }
}

/** The last line of a process that was killed may be torn. */
function readLine(text: string): FromAgent | undefined {
  try {
    return fromAgentSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
