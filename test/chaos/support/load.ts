import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, call, must } from './client.ts';

/** What was told of a task that its caller may rely on. */
export interface Told {
  readonly task: string;
  readonly workspace: string;
  readonly key: string;
  /** The whole result, once it was told; or the code of the failure. */
  result?: string;
  failure?: string;
}

/** These may end a task that was accepted. Anything else is a fault. */
const ENDS = new Set(['TASK_INTERRUPTED', 'SANDBOX_DIED', 'TASK_CANCELLED']);
/** Before a call that failed is repeated. */
const AGAIN_MS = 500;
/** Between two tasks, for each of the callers: so that many of them do not ask for more than a machine can do. */
const PAUSE_MS = 40;

/** The mark of one call's program, in the arguments of its process. */
export const MARK = /chaos-[a-z0-9]+-\d+/;

/**
 * Callers, one for each workspace: each submits a task under a key until it is accepted, waits for its end, and begins the next.
 * A call without an answer is repeated, as callers do.
 */
export class Load {
  readonly #url: string;
  readonly #stop = new AbortController();
  readonly #callers: Promise<void>[] = [];
  readonly told = new Map<string, Told>();
  /** What callers were answered that was no success: how often, by code. */
  readonly refusals = new Map<string, number>();
  /** What must not happen. */
  readonly faults: string[] = [];
  readonly workspaces: string[] = [];
  #ended = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Makes the workspaces and starts their callers. */
  async start(count: number): Promise<void> {
    while (this.workspaces.length < count) {
      const some = Math.min(4, count - this.workspaces.length);
      this.workspaces.push(...(await Promise.all(Array.from({ length: some }, () => this.make()))));
    }
    for (const workspace of this.workspaces) this.#callers.push(this.#work(workspace));
  }

  /** A workspace with a file and a checkpoint. */
  async make(): Promise<string> {
    const made = await must(this.#url, 'workspace_create', { ttl_seconds: 86_400 });
    const workspace_id = String(made.workspace_id);
    await must(this.#url, 'fs_write', { workspace_id, path: 'kept', content: workspace_id });
    await must(this.#url, 'workspace_checkpoint', { workspace_id });
    return workspace_id;
  }

  /** Tasks that have ended and were told of. */
  get ended(): number {
    return this.#ended;
  }

  /** Waits until so many more tasks have ended. */
  async more(count: number): Promise<void> {
    const until = this.#ended + count;
    const deadline = Date.now() + 120_000;
    while (this.#ended < until) {
      if (Date.now() > deadline) throw new Error(`of ${count} more tasks ${until - this.#ended} did not end in 120 s`);
      await delay(50);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#callers);
  }

  async #work(workspace: string): Promise<void> {
    for (let n = 0; !this.#stop.signal.aborted; n++) {
      const key = `${workspace.slice(3)}-${n}`;
      const told = await this.#submit(workspace, key);
      if (told) await this.#wait(told);
      await delay(PAUSE_MS * this.workspaces.length * (0.5 + Math.random()));
    }
  }

  /** Undefined when it was stopped before the task was accepted. */
  async #submit(workspace: string, key: string): Promise<Told | undefined> {
    const seconds = (0.3 + Math.random() * 0.5).toFixed(2);
    // It leaves a line each time it runs, and says what no second run can say again.
    const script = `echo "$0" >> log; sleep ${seconds}; read id < /proc/sys/kernel/random/uuid; echo "$0 $id"`;
    const command = ['/bin/sh', '-c', script, `chaos-${key}`];
    const args = { workspace_id: workspace, command, wait_seconds: 0, idempotency_key: key };
    while (!this.#stop.signal.aborted) {
      const answer = await call(this.#url, 'run_command', args);
      if (answer.kind === 'ok') {
        const told = { task: String(answer.body.task_id), workspace, key };
        this.told.set(told.task, told);
        return told;
      }
      await this.#again(`submit ${key}`, answer);
    }
    return undefined;
  }

  async #wait(told: Told): Promise<void> {
    while (true) {
      const answer = await call(this.#url, 'task_get_result', { task_id: told.task, wait_seconds: 5 });
      if (answer.kind === 'ok' && answer.body.done === true) {
        told.result = JSON.stringify(answer.body.result);
        if (!told.result.includes(`chaos-${told.key} `)) this.faults.push(`${told.key} has the result ${told.result}`);
      }
      if (answer.kind === 'failed' && ENDS.has(answer.code)) {
        told.failure = answer.code;
        this.#count(`task ended ${answer.code}`);
      }
      if (told.result !== undefined || told.failure !== undefined) {
        this.#ended++;
        return;
      }
      if (answer.kind !== 'ok') await this.#again(`wait for ${told.key}`, answer);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #again(what: string, answer: Exclude<Answer, { kind: 'ok' }>): Promise<void> {
    this.#count(answer.kind === 'lost' ? 'no answer' : answer.code);
    // Callers are promised that a failure of the cluster says that it is worth trying again.
    if (answer.kind === 'failed' && !answer.retryable) this.faults.push(`${what}: ${answer.code} ${answer.message}`);
    await delay(AGAIN_MS);
  }

  #count(what: string): void {
    this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1);
  }
}
