import { AppError } from '../../errors/app-error.ts';
import { UpstreamFailure } from '../../providers/http/failures.ts';
import type { Agent, AgentProvider } from '../../providers/provider.ts';
import { FLEET_STREAM } from '../../store/fleet/fleet.ts';
import { asAppError, taskInterrupted } from '../errors.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import type { Ending } from '../renderings.ts';
import type { RunEnds } from '../run-ends.ts';
import type { AgentLists } from './agent-lists.ts';
import { agentOffline, agentPaused } from './errors.ts';
import { undeliverable } from './fleet-events.ts';
import type { FleetProviders } from './providers.ts';
import { FLEET, type QueuedInput, queuedInput, targetOf } from './queued-input.ts';

const SEND_TIMEOUT_MS = 120_000;
/** A provider that was asked to resume an agent is not asked again for so long. */
const RESUME_AGAIN_MS = 60_000;
/** The provider has looked, and sent nothing. */
const BOUNCES: ReadonlySet<string> = new Set(['AGENT_BUSY', 'AGENT_NOT_READY', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE']);

interface Parts {
  readonly ends: RunEnds;
  readonly events: EventLog;
  readonly lists: AgentLists;
  readonly providers: FleetProviders;
}

/**
 * Gives agents the input that waits for them, first in first out. That it is about to be sent is written down first, so that it is
 * sent once: what a hub was sending when it was lost reads as interrupted.
 */
export class Delivery {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #resumed = new Map<string, number>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Delivers what can be delivered now; how many wait on. Only the hub that leads calls it. */
  async deliver(): Promise<number> {
    const tasks = await this.#foundation.store.tasks.unfinishedOf(FLEET);
    if (tasks.length === 0) return 0;
    await this.#parts.providers.refresh();
    const hubs = new Set(await this.#foundation.store.hubs.live());
    const lines = new Map<string, QueuedInput[]>();
    for (const task of tasks) {
      if (task.status === 'running' && !hubs.has(task.worker ?? '')) {
        await this.#parts.ends.conclude(task, { status: 'interrupted', error: taskInterrupted(task.id) });
        continue;
      }
      const input = queuedInput(task);
      if (input === undefined) continue;
      const target = targetOf(input.job);
      lines.set(target, [...(lines.get(target) ?? []), input]);
    }
    const left = await Promise.all([...lines.values()].map(line => this.#serve(line)));
    return left.reduce((sum, count) => sum + count, 0);
  }

  /** The first of a line; the others wait for the agent to be idle again. */
  async #serve(line: readonly QueuedInput[]): Promise<number> {
    const [first] = line;
    if (first === undefined) return 0;
    if (first.task.status === 'running') return line.length;
    try {
      return (await this.#tryOne(first)) ? line.length - 1 : line.length;
    } catch (error) {
      // The provider cannot be asked at the moment: everything waits.
      this.#foundation.log.debug({ err: error, task: first.task.id }, 'a queued input could not be delivered yet');
      return line.length;
    }
  }

  /** True once its task has ended. */
  async #tryOne({ task, job }: QueuedInput): Promise<boolean> {
    const provider = this.#parts.providers.of(job.provider, { id: task.caller });
    const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
    const agent = await this.#find({ task, job }, { provider, signal });
    if (agent === undefined) return await this.#fail(task, gone(job.agentId));
    const { status, capabilities } = agent;
    if (status === 'busy' || status === 'offline') return false;
    if (status === 'stopped' && capabilities.includes('resume')) {
      if (job.whenPaused === 'error') return await this.#fail(task, agentPaused(agent));
      await this.#resume(agent, { provider, user: job.user, signal });
      return false;
    }
    if (!capabilities.includes('send_input') && status !== 'idle' && status !== 'running')
      return await this.#fail(task, agentOffline(agent));
    return await this.#send({ task, job }, { provider, signal });
  }

  /** As of the list that everybody reads; one that is not on it is asked for. */
  async #find(
    { job }: QueuedInput,
    { provider, signal }: { provider: AgentProvider; signal: AbortSignal },
  ): Promise<Agent | undefined> {
    const { agents } = await this.#parts.lists.read(provider, { includeInactive: false, signal });
    const known = agents.find(({ id }) => id === job.agentId);
    if (known !== undefined) return known;
    try {
      return await provider.get({ user: job.user, id: job.agentId }, { signal });
    } catch (error) {
      if (error instanceof AppError && error.code === 'AGENT_NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #send(
    { task, job }: QueuedInput,
    { provider, signal }: { provider: AgentProvider; signal: AbortSignal },
  ): Promise<boolean> {
    const { store, id } = this.#foundation;
    if (!(await store.tasks.start(task.id, { worker: id, epoch: 0, sequence: 0 }))) return true;
    try {
      await provider.send({ user: job.user, id: job.agentId }, { text: job.text, interrupt: false, signal });
    } catch (error) {
      // It is not as the list told, which was a moment old.
      this.#parts.lists.forget(provider.name);
      if (wasNotSent(error)) {
        await store.tasks.putBack(task.id);
        return false;
      }
      return await this.#fail(task, asAppError(error));
    }
    this.#parts.lists.forget(provider.name);
    await this.#parts.ends.conclude(task, sentEnding(job.agentId));
    return true;
  }

  async #resume(
    { id, provider: name }: Agent,
    { provider, user, signal }: { provider: AgentProvider; user: string; signal: AbortSignal },
  ): Promise<void> {
    const target = targetOf({ provider: name, agentId: id });
    const last = this.#resumed.get(target);
    if (last !== undefined && performance.now() - last < RESUME_AGAIN_MS) return;
    await provider.resume({ user, id }, { signal });
    this.#resumed.set(target, performance.now());
    this.#parts.lists.forget(name);
  }

  /** It will never be delivered: its caller is told by the task, everybody else by an event. */
  async #fail(task: QueuedInput['task'], error: AppError): Promise<true> {
    const input = queuedInput(task);
    const isNew = await this.#parts.ends.conclude(task, { status: 'failed', error });
    if (isNew && input !== undefined) {
      const { type, body } = undeliverable(input, error);
      await this.#parts.events.append(FLEET_STREAM, type, body);
    }
    return true;
  }
}

/** It is certain that the agent did not get it, and worth another attempt. */
function wasNotSent(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  const isRefused = error instanceof UpstreamFailure && error.outcome === 'refused';
  return BOUNCES.has(error.code) || (isRefused && error.code === 'NETWORK_ERROR');
}

const gone = (id: string): AppError =>
  new AppError('AGENT_OFFLINE', `Agent ${id} is gone`, { details: { agent_id: id, status: 'deleted' } });

const sentEnding = (id: string): Ending => {
  const output = { success: true, data: { status: 'sent' }, message: `Input sent to agent ${id}` };
  return { status: 'completed', output, text: [JSON.stringify(output)] };
};
