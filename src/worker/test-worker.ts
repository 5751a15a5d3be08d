import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '../blobs/blobs.ts';
import { createDirectoryBlobs } from '../blobs/directory.ts';
import { configSchema } from '../config/config.ts';
import { createInProcessBus } from '../fabric/in-process.ts';
import { silentLog } from '../log/log.ts';
import { decodeMessage } from '../protocol/envelope.ts';
import type { FileRequest } from '../protocol/files.ts';
import type { Job, JobOf, Outcome } from '../protocol/jobs.ts';
import { askWorker, type HubHandlers, type Link, serveHub } from '../protocol/link.ts';
import type { HubRequest, WorkerReply, WorkerRequest, WorkerVerb } from '../protocol/messages.ts';
import type { Limits, WorkspaceSpec } from '../protocol/workspace-spec.ts';
import { createBubblewrapEngine } from './sandbox/engines/bubblewrap/engine.ts';
import { createWorker, type Worker } from './worker.ts';

const LONG_MS = 60_000;

type SpecOptions = Partial<Omit<WorkspaceSpec, 'limits'>> & { limits?: Partial<Limits> };

/** What the worker under test told its hub. */
export interface Heard {
  readonly started: HubRequest<'run.started'>[];
  readonly ended: HubRequest<'run.ended'>[];
  readonly boxes: HubRequest<'box.changed'>[];
  readonly recovered: HubRequest<'workspace.recovered'>[];
  readonly checkpoints: HubRequest<'checkpoint.taken'>[];
  readonly connections: HubRequest<'egress.seen'>['connections'];
}

/** A worker with the real engine, and a hub that only listens and asks. */
export class TestWorker {
  readonly heard: Heard = { started: [], ended: [], boxes: [], recovered: [], checkpoints: [], connections: [] };
  /** Takes the place of what the hub does by itself. */
  readonly hub: { -readonly [Verb in keyof HubHandlers]?: HubHandlers[Verb] } = {};
  readonly directory: string;
  readonly blobs: Blobs;
  readonly link: Link;
  readonly id = `wk_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
  readonly #bus = createInProcessBus();
  #worker: Worker | undefined;

  private constructor(directory: string, blobs: Blobs) {
    this.directory = directory;
    this.blobs = blobs;
    this.link = { fabric: this.#bus.connect({ hub: 'hub' }), blobs };
  }

  static async start(config: object = {}): Promise<TestWorker> {
    const directory = await mkdtemp(join(tmpdir(), 'boxswain-worker-'));
    // The users of boxes must be able to pass through it.
    await chmod(directory, 0o711);
    const test = new TestWorker(directory, await createDirectoryBlobs(join(directory, 'blobs')));
    await serveHub(test.link, { handlers: test.#handlers(), onError: () => {} });
    await test.startWorker(config);
    return test;
  }

  /** Starts a worker on the same directory; the last one must have been closed. */
  async startWorker(config: object = {}): Promise<void> {
    const parsed = configSchema.parse({ directory: this.directory, ...config });
    this.#worker = await createWorker({
      id: this.id,
      site: this.directory,
      fabric: this.#bus.connect({ worker: this.id }),
      blobs: this.blobs,
      config: parsed,
      log: silentLog,
      engine: createBubblewrapEngine({ directory: join(this.directory, 'workspaces'), log: silentLog }),
      beatMs: 50,
      stuckAfterMs: 5_000,
    });
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.close();
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.link.fabric.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  ask<Verb extends WorkerVerb>(verb: Verb, body: WorkerRequest<Verb>): Promise<WorkerReply<Verb>> {
    return askWorker(this.link, verb, body, { worker: this.id, timeoutMs: LONG_MS });
  }

  async open(id: string, options: SpecOptions = {}): Promise<TestWorkspace> {
    const workspace = new TestWorkspace(this, id);
    await workspace.open(options);
    return workspace;
  }

  /** Settles with the first message of the live tail that fits. */
  async tail(commandId: string, fits: (message: unknown) => boolean): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const close = await this.link.fabric.subscribe(`t.${this.id}.task:${commandId}`, async body => {
      const message = await decodeMessage(body, this.blobs);
      if (fits(message)) resolve(message);
    });
    return promise.finally(close);
  }

  #handlers(): HubHandlers {
    const { heard, hub } = this;
    return {
      'session.told': (...of) => hub['session.told']?.(...of) ?? Promise.resolve({ isFenced: true, expected: 0 }),
      'presence.told': (...of) => hub['presence.told']?.(...of) ?? Promise.resolve({}),
      'transcripts.grew': (...of) => hub['transcripts.grew']?.(...of) ?? Promise.resolve({}),
      'worker.join': (...of) => hub['worker.join']?.(...of) ?? Promise.resolve({ leaseSeconds: 15 }),
      'worker.beat': (...of) => hub['worker.beat']?.(...of) ?? Promise.resolve({ isLive: true, isDraining: false }),
      'worker.change': (...of) => hub['worker.change']?.(...of) ?? Promise.resolve({ isLive: true, others: 0 }),
      'worker.leave': (...of) => hub['worker.leave']?.(...of) ?? Promise.resolve({}),
      'run.started': async (request, context) => {
        heard.started.push(request);
        return (await hub['run.started']?.(request, context)) ?? { mayStart: true };
      },
      'run.ended': async (request, context) => {
        await hub['run.ended']?.(request, context);
        heard.ended.push(request);
        return {};
      },
      'box.changed': async request => {
        heard.boxes.push(request);
        return {};
      },
      'workspace.recovered': async told => {
        heard.recovered.push(told);
        return {};
      },
      'checkpoint.taken': async (taken, context) => {
        heard.checkpoints.push(taken);
        return (await hub['checkpoint.taken']?.(taken, context)) ?? { isKept: true };
      },
      'egress.seen': async ({ connections }) => {
        heard.connections.push(...connections);
        return {};
      },
    };
  }
}

/** A workspace as a hub sees it. */
export class TestWorkspace {
  readonly id: string;
  epoch = 1;
  /** The checkpoint with whose files it is opened. */
  restore: WorkerRequest<'workspace.open'>['restore'];
  readonly #worker: TestWorker;

  constructor(worker: TestWorker, id: string) {
    this.#worker = worker;
    this.id = id;
  }

  get hold() {
    return { workspaceId: this.id, epoch: this.epoch };
  }

  async open({ limits, ...spec }: SpecOptions = {}, isFresh = true, generation = 0) {
    return await this.#worker.ask('workspace.open', {
      ...this.hold,
      spec: {
        limits: { memory_mb: 256, cpus: 1, pids: 64, disk_mb: 64, wall_seconds: 600, output_mb: 16, ...limits },
        requested: [],
        allowSoft: true,
        network: { allow: [] },
        env: {},
        image: null,
        idleStopSeconds: 300,
        ...spec,
      },
      generation,
      lastSequence: 0,
      fresh: isFresh,
      ...(this.restore && { restore: this.restore }),
    });
  }

  submit(job: Job, options: { commandId?: string; waitMs?: number; detached?: boolean } = {}) {
    const { commandId = randomUUID(), waitMs = LONG_MS, detached = false } = options;
    return this.#worker.ask('run.submit', { ...this.hold, commandId, job, waitMs, detached });
  }

  /** Runs it to its end. */
  async run(job: Job): Promise<Outcome> {
    const reply = await this.submit(job);
    if (reply.state !== 'ended') throw new Error(`it is ${reply.state}`);
    return reply.outcome;
  }

  file(file: FileRequest) {
    return this.#worker.ask('file.do', { ...this.hold, file });
  }

  write(path: string, content: string) {
    return this.file({ kind: 'write', path, content, encoding: 'utf8', createDirs: true });
  }

  async read(path: string): Promise<unknown> {
    const { output } = await this.file({ kind: 'read', path, offset: 0, limit: 1_000_000, encoding: 'utf8' });
    return output.content;
  }

  inspect() {
    return this.#worker.ask('workspace.inspect', { ...this.hold, withUsage: true });
  }

  cancel(commandId: string) {
    return this.#worker.ask('run.cancel', { ...this.hold, commandId, reason: 'enough' });
  }
}

export const python = (code: string, options: Partial<JobOf<'python'>> = {}): Job => ({
  kind: 'python',
  code,
  args: [],
  env: {},
  timeoutSeconds: 30,
  ...options,
});

export const command = (words: string | string[], options: Partial<JobOf<'command'>> = {}): Job => ({
  kind: 'command',
  command: words,
  cwd: '',
  env: {},
  timeoutSeconds: 30,
  ...options,
});

/** The output of a job that was completed; else what it came to is the error. */
export function outputOf({ end }: Outcome): Record<string, unknown> {
  if (end.kind === 'completed') return end.output;
  throw new Error(`it was ${end.kind}: ${JSON.stringify(end)}`);
}

export function errorOf({ end }: Outcome): { code: string; message: string; details: Record<string, unknown> } {
  if (end.kind === 'failed') return end.error;
  throw new Error(`it was ${end.kind}: ${JSON.stringify(end)}`);
}
