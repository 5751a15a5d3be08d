import { Readable, Writable } from 'node:stream';
import { type ClientConnection, client, methods, ndJsonStream } from '@agentclientprotocol/sdk';
import { z } from 'zod';
import type { Log } from '../../../../log/log.ts';
import { type AgentProcess, type AgentStarter, agentExited } from '../../processes/agent-process.ts';
import type { AcpAgent } from './known-agents.ts';
import { permissionRequestSchema } from './permissions-v1.ts';

const GRACE_MS = 300;
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** What the agent says of itself; what is not known is left out. */
const helloSchema = z.looseObject({
  agentInfo: z.looseObject({ name: z.string(), version: z.string().optional() }).nullish(),
  authMethods: z.array(z.looseObject({ id: z.string() })).optional(),
  agentCapabilities: z
    .looseObject({
      loadSession: z.boolean().optional(),
      promptCapabilities: z.looseObject({ image: z.boolean().optional() }).nullish(),
      sessionCapabilities: z
        .looseObject({
          resume: z.unknown().optional(),
          fork: z.unknown().optional(),
          list: z.unknown().optional(),
          close: z.unknown().optional(),
        })
        .nullish(),
    })
    .optional(),
});
export type Hello = z.output<typeof helloSchema>;

export interface SessionListener {
  update(update: unknown): void;
  /** The option that was chosen; undefined when the turn was cancelled. */
  permission(request: z.output<typeof permissionRequestSchema>): Promise<string | undefined>;
}

export interface AcpProcessOptions {
  readonly agent: AcpAgent;
  readonly program: string;
  /** Of the command, before what the agent is always given. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: AgentStarter;
  readonly log: Log;
}

const updateSchema = z.looseObject({
  method: z.literal(methods.client.session.update),
  params: z.looseObject({ sessionId: z.string(), update: z.unknown() }),
});

/** A process of an agent with all its sessions. */
export class AcpProcess {
  readonly running: AgentProcess;
  readonly #listeners = new Map<string, SessionListener>();
  readonly #link: ClientConnection;
  readonly #log: Log;
  hello: Hello = {};

  private constructor(running: AgentProcess, log: Log) {
    this.running = running;
    this.#log = log;
    const { stdin, stdout } = running.child;
    const stream = ndJsonStream(Writable.toWeb(stdin), Readable.toWeb(stdout), { maxMessageBytes: MAX_MESSAGE_BYTES });
    // Updates are heard here, before the SDK: it would refuse kinds that are newer than itself, and tells of them later than of the
    // end of their turn.
    const readable = stream.readable.pipeThrough(
      new TransformStream({
        transform: (message, rest) => {
          const update = updateSchema.safeParse(message);
          if (!update.success) rest.enqueue(message);
          else this.#listeners.get(update.data.params.sessionId)?.update(update.data.params.update);
        },
      }),
    );
    this.#link = client({ name: 'boxswain' })
      .onRequest(methods.client.session.requestPermission, permissionRequestSchema, async ({ params }) => {
        const optionId = await this.#listeners.get(params.sessionId)?.permission(params);
        return { outcome: optionId === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId } };
      })
      .connect({ readable, writable: stream.writable });
    // A message that is too large, or no message at all, ends the connection, and with it the use of the process.
    void this.#link.closed.then(() => running.end({ graceMs: 0 }));
  }

  /** Throws AGENT_UNAVAILABLE. */
  static async start(options: AcpProcessOptions): Promise<AcpProcess> {
    const { agent, program, words, environment, processes, log } = options;
    const running = await processes.start({
      kind: agent.kind,
      command: program,
      args: [...words, ...agent.args],
      // Each session names its own directory.
      cwd: environment.HOME ?? '/',
      environment: { ...environment, ...agent.environment },
    });
    const started = new AcpProcess(running, log);
    try {
      started.hello = helloSchema.parse(
        await started.request(methods.agent.initialize, {
          protocolVersion: 1,
          clientInfo: { name: 'boxswain', title: 'Boxswain', version: '1' },
          clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
        }),
      );
      await started.#signIn(agent, environment);
      return started;
    } catch (error) {
      log.warn({ kind: agent.kind, complaints: running.complaints() }, 'an agent does not speak the protocol');
      await running.end({ graceMs: 0 });
      throw error;
    }
  }

  async #signIn({ signIn = {} }: AcpAgent, environment: Readonly<Record<string, string>>): Promise<void> {
    const offered = this.hello.authMethods?.map(({ id }) => id) ?? [];
    const found = Object.entries(signIn).find(([variable, id]) => environment[variable] && offered.includes(id));
    if (found) await this.request(methods.agent.authenticate, { methodId: found[1] });
  }

  /** Rejects with the agent's error, or with SESSION_FAILED when the process ends first. */
  async request(method: string, params: object): Promise<unknown> {
    const over = this.running.exited.then(exit => Promise.reject(agentExited(exit)));
    try {
      return await Promise.race([this.#link.agent.request<unknown>(method, params), over]);
    } catch (error) {
      // A connection breaks before its process is seen to be gone.
      if (this.#link.signal.aborted) throw agentExited(await this.running.exited);
      throw error;
    }
  }

  async notify(method: string, params: object): Promise<void> {
    await this.#link.agent.notify(method, params).catch(error => {
      this.#log.debug({ err: error, method }, 'an agent was not told');
    });
  }

  listen(sessionId: string, listener: SessionListener): void {
    this.#listeners.set(sessionId, listener);
  }

  forget(sessionId: string): void {
    this.#listeners.delete(sessionId);
  }

  /** Its sessions were closed before, so it has nothing to save; few end by themselves when their input ends. */
  async end(): Promise<void> {
    await this.running.end({ graceMs: GRACE_MS });
  }
}
