import { randomUUID } from 'node:crypto';
import type { Blobs } from '../../src/blobs/blobs.ts';
import { AppError } from '../../src/errors/app-error.ts';
import type { InProcessBus } from '../../src/fabric/in-process.ts';
import type { Fabric } from '../../src/fabric/fabric.ts';
import { encodeMessage } from '../../src/protocol/envelope.ts';
import type { Job, Outcome } from '../../src/protocol/jobs.ts';
import { askHub, NotHere, serveWorker } from '../../src/protocol/link.ts';
import type { HubRequest, RunTail, WorkerReply, WorkerRequest, WorkerVerb } from '../../src/protocol/messages.ts';
import { sessionHandlers } from '../../src/worker/agents/handlers.ts';
import type { Driver } from '../../src/worker/agents/driver.ts';
import type { OpenSession } from '../../src/protocol/presence.ts';
import { LiveSessions } from '../../src/worker/agents/live-sessions.ts';
import { silentLog } from '../../src/log/log.ts';
import { noSessions } from './no-sessions.ts';
import { type Command, echoing, type Held, type Script, stateOf } from './scripted-jobs.ts';
import { ScriptedTerminals } from './scripted-terminals.ts';

type Open = WorkerRequest<'workspace.open'>;

export interface ScriptedWorkerOptions {
  readonly id: string;
  readonly bus: InProcessBus;
  readonly blobs: Blobs;
  readonly script?: Script;
  readonly slots?: number;
  readonly labels?: Record<string, string>;
  readonly site?: string;
  /** Of the sessions that it drives; absent: none. */
  readonly driver?: Driver;
  /** Throws to refuse a workspace. */
  readonly onOpen?: (open: Open) => void;
  /** Answers file requests; the default answers with the request. */
  readonly onFile?: (
    file: WorkerRequest<'file.do'>['file'],
  ) => WorkerReply<'file.do'> | Promise<WorkerReply<'file.do'>>;
}

const TIMEOUT_MS = 5_000;

/**
 * A peer that speaks the whole protocol of a worker and runs scripts instead of sandboxes: one job at a time in each workspace,
 * known command ids answered from memory, ends of detached jobs reported until they are acknowledged.
 */
export class ScriptedWorker {
  readonly id: string;
  readonly boot = randomUUID();
  /** Every request, in the order of arrival. */
  readonly seen: { verb: WorkerVerb; body: unknown }[] = [];
  readonly workspaces = new Map<string, Held>();
  readonly #options: ScriptedWorkerOptions;
  readonly #fabric: Fabric;
  readonly #sessions: LiveSessions | undefined;
  readonly terminals = new ScriptedTerminals();
  #isGone = false;

  constructor(options: ScriptedWorkerOptions) {
    this.id = options.id;
    this.#options = options;
    this.#fabric = options.bus.connect({ worker: options.id });
    this.#sessions = options.driver && this.#drive(options.driver);
  }

  /** Serves and joins. */
  static async start(options: ScriptedWorkerOptions): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(options);
    await worker.#serve();
    await worker.join();
    return worker;
  }

  async join(): Promise<void> {
    const { slots = 10, site = 'site', labels = {} } = this.#options;
    const hello = { boot: this.boot, site, slots, labels, capabilities: {} };
    await askHub(this.#link, 'worker.join', hello, { timeoutMs: TIMEOUT_MS });
  }

  async leave(): Promise<void> {
    await askHub(this.#link, 'worker.leave', { boot: this.boot }, { timeoutMs: TIMEOUT_MS });
    await this.crash();
  }

  #drive(driver: Driver): LiveSessions {
    return new LiveSessions({
      worker: this.id,
      drivers: [driver],
      log: silentLog,
      roots: ['/'],
      maxLive: 10,
      parkAfterMs: 600_000,
      permissionTimeoutMs: 600_000,
      allowsBypass: false,
      mayWork: () => true,
      tell: told => askHub(this.#link, 'session.told', told, { timeoutMs: TIMEOUT_MS }),
      openElsewhere: (agent, id) => this.terminals.find(agent, id),
      spawned: async () => {},
      fetch: async () => '/dev/null',
    });
  }

  /** Sessions that users have open on its machine from now on; the hub is told. */
  async openTerminals(open: readonly OpenSession[], { isTold = true } = {}): Promise<void> {
    this.terminals.open = open;
    if (isTold) await askHub(this.#link, 'presence.told', { open: [...open] }, { timeoutMs: TIMEOUT_MS });
  }

  /** Gone without a word, as after `kill -9`. */
  async crash(): Promise<void> {
    this.#isGone = true;
    await this.#fabric.close();
  }

  /** Asks the hub as this worker. */
  started(workspaceId: string, ask: { epoch: number; commandId: string; sequence: number }) {
    return askHub(this.#link, 'run.started', { workspaceId, ...ask }, { timeoutMs: TIMEOUT_MS });
  }

  ended(workspaceId: string, told: { epoch: number; commandId: string; outcome: Outcome }) {
    return askHub(this.#link, 'run.ended', { workspaceId, ...told }, { timeoutMs: TIMEOUT_MS });
  }

  checkpointTaken(workspaceId: string, told: Omit<HubRequest<'checkpoint.taken'>, 'workspaceId'>) {
    return askHub(this.#link, 'checkpoint.taken', { workspaceId, ...told }, { timeoutMs: TIMEOUT_MS });
  }

  boxChanged(workspaceId: string, told: { epoch: number; generation: number; state: 'ready' | 'stopped' | 'failed' }) {
    return askHub(this.#link, 'box.changed', { workspaceId, reason: null, ...told }, { timeoutMs: TIMEOUT_MS });
  }

  /** Commands in the order in which they were accepted. */
  accepted(workspaceId: string): Job[] {
    return [...(this.workspaces.get(workspaceId)?.commands.values() ?? [])].map(command => command.job);
  }

  get #link() {
    return { fabric: this.#fabric, blobs: this.#options.blobs };
  }

  async #serve(): Promise<void> {
    const saw = (verb: WorkerVerb, body: unknown) => void this.seen.push({ verb, body });
    await serveWorker(this.#link, {
      worker: this.id,
      onError: () => {},
      handlers: {
        ...(this.#sessions === undefined ? noSessions : sessionHandlers(this.#sessions, undefined, this.terminals)),
        'workspace.open': async open => {
          saw('workspace.open', open);
          this.#options.onOpen?.(open);
          const {
            sequence = open.lastSequence,
            commands = new Map(),
            last = Promise.resolve(),
          } = this.workspaces.get(open.workspaceId) ?? {};
          const held = { open, commands, sequence, last };
          this.workspaces.set(open.workspaceId, held);
          if (open.restore) await this.#fill(held, open.restore);
          return { engine: 'scripted', enforcement: { memory_mb: 'hard' } };
        },
        'workspace.release': async body => {
          saw('workspace.release', body);
          const held = this.#held(body);
          const isBusy = [...held.commands.values()].some(({ outcome }) => outcome === undefined);
          if (isBusy || held.sequence !== body.sequence) return { isReleased: false };
          this.workspaces.delete(body.workspaceId);
          return { isReleased: true };
        },
        'workspace.close': async body => {
          saw('workspace.close', body);
          const held = this.#held(body);
          this.workspaces.delete(body.workspaceId);
          for (const command of held.commands.values()) command.abort.abort('closed');
          return {};
        },
        'workspace.inspect': async body => {
          saw('workspace.inspect', body);
          const { open } = this.#held(body);
          const usage = body.withUsage ? { memory_bytes: 1, disk_bytes: 2, cpu_ms: 3 } : null;
          return { state: 'ready', generation: open.generation, activeTasks: 0, contexts: [], usage };
        },
        'run.submit': async body => {
          saw('run.submit', body);
          const held = this.#held(body);
          const command = held.commands.get(body.commandId) ?? this.#accept(held, body);
          return await stateOf(command, body.waitMs);
        },
        'run.await': async body => {
          saw('run.await', body);
          const command = this.#held(body).commands.get(body.commandId);
          if (command === undefined) return { state: 'unknown' };
          if (body.detach && !command.isDetached) {
            command.isDetached = true;
            this.#report(body, command);
          }
          return await stateOf(command, body.waitMs);
        },
        'run.cancel': async body => {
          saw('run.cancel', body);
          const command = this.#held(body).commands.get(body.commandId);
          if (command === undefined) return { cancelled: false, state: 'unknown' };
          if (command.outcome) return { cancelled: false, state: 'ended' };
          command.abort.abort(body.reason);
          return { cancelled: true, state: command.startedAt === null ? 'queued' : 'running' };
        },
        'file.do': async body => {
          saw('file.do', body);
          this.#held(body);
          const plain = async () => ({ output: { kind: body.file.kind }, artifacts: [], generation: 1 });
          return await (this.#options.onFile ?? plain)(body.file);
        },
        'worker.status': async () => ({ workspaces: this.workspaces.size, boxes: 0, engines: [] }),
      },
    });
  }

  /** As a job, so that the script has its say. */
  async #fill(held: Held, { checkpointId, manifest }: { checkpointId: string; manifest: string }): Promise<void> {
    const { workspaceId, epoch } = held.open;
    const job = { kind: 'restore', manifest } as const;
    const command = this.#accept(held, {
      workspaceId,
      epoch,
      commandId: `fill ${epoch}`,
      job,
      waitMs: 0,
      detached: false,
    });
    const { end } = await command.ended;
    if (end.kind === 'failed') throw AppError.fromShape(end.error);
    const told = { workspaceId, epoch, checkpointId, generation: 1, engine: 'scripted', enforcement: {} };
    void this.#untilHeard(() => askHub(this.#link, 'workspace.recovered', told, { timeoutMs: TIMEOUT_MS }));
  }

  #held({ workspaceId, epoch }: { workspaceId: string; epoch: number }): Held {
    const held = this.workspaces.get(workspaceId);
    if (held?.open.epoch !== epoch) throw new NotHere();
    return held;
  }

  #accept(held: Held, submit: WorkerRequest<'run.submit'>): Command {
    held.sequence += 1;
    const { promise: ended, resolve } = Promise.withResolvers<Outcome>();
    const command: Command = {
      id: submit.commandId,
      sequence: held.sequence,
      job: submit.job,
      abort: new AbortController(),
      ended,
      isDetached: submit.detached,
      startedAt: null,
      outcome: undefined,
    };
    held.commands.set(command.id, command);
    held.last = held.last.then(async () => {
      command.outcome = await this.#run(submit, command);
      resolve(command.outcome);
    });
    if (submit.detached) this.#report(submit, command);
    return command;
  }

  async #run({ workspaceId, epoch }: { workspaceId: string; epoch: number }, command: Command): Promise<Outcome> {
    const { id: commandId, sequence, job, abort } = command;
    const whole = (part: Partial<Outcome> & Pick<Outcome, 'end'>): Outcome => ({
      sequence,
      startedAt: command.startedAt,
      endedAt: Date.now(),
      generation: 1,
      artifacts: [],
      fullOutput: {},
      ...part,
    });
    const cancelled = () => whole({ end: { kind: 'cancelled', reason: String(abort.signal.reason) } });
    if (abort.signal.aborted || this.#isGone) return cancelled();
    if (command.isDetached) {
      const answer = await this.#untilHeard(() => this.started(workspaceId, { epoch, commandId, sequence }));
      if (!answer?.mayStart) return whole({ end: { kind: 'cancelled', reason: 'not to be started' } });
    }
    command.startedAt = Date.now();
    const aborted = new Promise<never>((_resolve, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason), { once: true });
    });
    const tail = async (news: Omit<RunTail, 'commandId'>) =>
      this.#fabric.publish(
        `t.${this.id}.task:${commandId}`,
        await encodeMessage({ commandId, ...news }, this.#options.blobs),
      );
    const script = this.#options.script ?? echoing;
    const running = script(job, { commandId, workspaceId, signal: abort.signal, tail });
    try {
      return whole(await Promise.race([running, aborted]));
    } catch {
      return cancelled();
    }
  }

  /** Reports the end once it comes, until the hub has it. */
  #report({ workspaceId, epoch }: { workspaceId: string; epoch: number }, { id: commandId, ended }: Command): void {
    void ended.then(outcome => this.#untilHeard(() => this.ended(workspaceId, { epoch, commandId, outcome })));
  }

  /** Tells a hub again until one has answered; undefined when this worker is gone before. */
  async #untilHeard<Answer>(tell: () => Promise<Answer>): Promise<Answer | undefined> {
    while (!this.#isGone) {
      try {
        return await tell();
      } catch {
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    }
    return undefined;
  }
}
