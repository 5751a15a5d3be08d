import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, sep } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import { NotHere } from '../../protocol/link.ts';
import type { SessionTold, SessionWorkerRequest } from '../../protocol/session-messages.ts';
import type { OpenSession } from '../../protocol/presence.ts';
import type { AgentKind } from '../../protocol/sessions.ts';
import type { AgentBoxes } from './boxes/agent-boxes.ts';
import { unavailable } from './boxes/bring-program.ts';
import type { Driver, PermissionAnswer, Prompt } from './driver.ts';
import { LiveSession, type Opening } from './live-session.ts';
import { agentUnavailable } from './unavailable.ts';
import type { WarmAgents } from './warm-agents.ts';

const PARK_LOOK_MS = 5_000;
/** The only agent that tells which of its sessions are open in terminals. */
const TELLS_PRESENCE = 'claude';

export interface LiveSessionsOptions {
  readonly worker: string;
  readonly drivers: readonly Driver[];
  /** Absent where no agent may run in the sandboxes of workspaces. */
  readonly boxes?: AgentBoxes;
  readonly log: Log;
  /** Directories in which sessions may be had, absolute; empty: nowhere. */
  readonly roots: readonly string[];
  readonly maxLive: number;
  /** What agents started ahead are had from; absent: none are. */
  readonly warm?: WarmAgents;
  /** Of all agents together; absent: no limit. */
  readonly memory?: { readonly maxBytes: number; used(): Promise<number> };
  readonly parkAfterMs: number;
  readonly permissionTimeoutMs: number;
  readonly allowsBypass: boolean;
  /** False while this worker may not act, see `Membership`. */
  mayWork(): boolean;
  tell(told: SessionTold): Promise<{ isFenced: boolean; expected: number }>;
  /** Who has the session open in a terminal at this moment. Throws AGENT_UNAVAILABLE where that cannot be told. */
  openElsewhere?(agent: string, agentSessionId: string): Promise<OpenSession | undefined>;
  spawned(sessionId: string, process: { readonly pid: number }): Promise<void>;
  /** The bytes of an attachment as a file that the agent can read. */
  fetch(sessionId: string, attachment: SessionWorkerRequest<'session.prompt'>['attachments'][number]): Promise<string>;
}

type Named = { readonly sessionId: string; readonly epoch: number };

/** The sessions that this worker drives. */
export class LiveSessions {
  readonly #options: LiveSessionsOptions;
  readonly #sessions = new Map<string, LiveSession>();
  /** When each session that was driven here was let go of, by its agent's own id; epoch milliseconds. */
  readonly #driven = new Map<string, number>();
  readonly #starting = new Map<string, { readonly epoch: number; readonly started: Promise<string> }>();
  /** Agent and directory of each live session. */
  readonly #places = new Map<string, string>();
  readonly #parking: NodeJS.Timeout;

  constructor(options: LiveSessionsOptions) {
    this.#options = options;
    this.#parking = setInterval(() => this.#parkIdle(), Math.min(PARK_LOOK_MS, options.parkAfterMs));
    this.#parking.unref();
  }

  get worker(): string {
    return this.#options.worker;
  }

  get size(): number {
    return this.#sessions.size;
  }

  async describe(signal: AbortSignal): Promise<AgentKind[]> {
    const { drivers, boxes } = this.#options;
    const described = drivers.map(async driver => {
      const { capabilities, ...kind } = await driver.describe(signal);
      const inWorkspace = (await boxes?.has(driver.kind)) ?? false;
      return { ...kind, capabilities: { ...capabilities, inWorkspace, presence: driver.kind === TELLS_PRESENCE } };
    });
    return await Promise.all(described);
  }

  /** The directory, resolved. Throws INVALID_CWD, AGENT_UNAVAILABLE. */
  async check({ agent, cwd, workspace }: SessionWorkerRequest<'session.check'>): Promise<string> {
    this.#driver(agent);
    if (workspace !== undefined) return await this.#boxes(agent).check({ agent, cwd, hold: workspace });
    const { roots } = this.#options;
    const found = isAbsolute(cwd) ? await realpath(cwd).catch(() => undefined) : undefined;
    const isDirectory = found !== undefined && (await stat(found)).isDirectory();
    // A root may be a link itself, such as a home on another disk.
    const real = await Promise.all(roots.map(root => realpath(root).catch(() => root)));
    if (found !== undefined && isDirectory && real.some(root => isWithin(found, root))) return found;
    throw new AppError(
      'INVALID_CWD',
      `cwd must be an existing directory inside the allowed roots: ${cwd.slice(0, 500)}`,
      {
        hint: roots.length === 0 ? 'set sessions.roots on the worker' : `the allowed roots are ${roots.join(', ')}`,
        details: { roots: [...roots] },
      },
    );
  }

  /** Answers the agent's own id of the session. A repeat for the same epoch gets the same answer. */
  async start(opening: Opening): Promise<string> {
    const { sessionId, epoch } = opening;
    const known = this.#starting.get(sessionId);
    if (known?.epoch === epoch) return await known.started;
    if (known !== undefined && known.epoch > epoch) throw new NotHere();
    const started = this.#start(opening);
    this.#starting.set(sessionId, { epoch, started });
    started.catch(() => {
      if (this.#starting.get(sessionId)?.started === started) this.#starting.delete(sessionId);
    });
    return await started;
  }

  async prompt({ turnId, text, attachments, ...named }: SessionWorkerRequest<'session.prompt'>): Promise<void> {
    const session = this.#held(named);
    if (session.box === undefined) await this.#refuseWhatIsOpen(session.agent, session.agentSessionId, session.id);
    const files = attachments.map(attachment => this.#attach(session, attachment));
    session.prompt({ turnId, text, attachments: files.length === 0 ? [] : await Promise.all(files) });
  }

  /** A file for prompts to come; the path under which the agent can read it. */
  async place({ sessionId, attachment }: SessionWorkerRequest<'session.place'>): Promise<string> {
    const session = this.#sessions.get(sessionId);
    if (session?.box === undefined) return await this.#options.fetch(sessionId, attachment);
    const { path, seenAs = path } = await this.#attach(session, attachment);
    return seenAs;
  }

  async interrupt(named: Named): Promise<boolean> {
    return await this.#held(named).interrupt();
  }

  /** Legal in every state: what is not live is stopped already. */
  async stop({ sessionId, epoch, as }: SessionWorkerRequest<'session.stop'>): Promise<boolean> {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.epoch > epoch) return false;
    await session.stop(as);
    return true;
  }

  answer(requestId: string, answer: PermissionAnswer, named: Named): boolean {
    return this.#held(named).answer(requestId, answer);
  }

  /** Whether an agent of ours has the session, which is named as its agent does. */
  drives(agentSessionId: string): boolean {
    return [...this.#sessions.values()].some(session => session.agentSessionId === agentSessionId);
  }

  /** When an agent of ours last had it, in epoch milliseconds; undefined for what none had since this worker started. */
  drivenUntil(agentSessionId: string): number | undefined {
    return this.drives(agentSessionId) ? Date.now() : this.#driven.get(agentSessionId);
  }

  /** Parks what nobody uses here and somebody has open in a terminal: two agents on one session would lose a branch of it. */
  giveWay(isOpen: (agentSessionId: string) => boolean): void {
    for (const session of this.#sessions.values()) {
      const { agentSessionId, status, box } = session;
      if (agentSessionId !== undefined && status === 'idle' && box === undefined && isOpen(agentSessionId))
        this.#park(session);
    }
  }

  async fork({
    agent,
    agentSessionId,
    cwd,
    atMessageId,
    title,
    workspace,
  }: SessionWorkerRequest<'session.fork'>): Promise<string> {
    const driver = this.#driver(agent);
    if (driver.fork === undefined)
      throw new AppError('CAPABILITY_UNSUPPORTED', `${agent} does not support fork`, {
        hint: 'create a session and tell it what it needs to know',
      });
    const request = {
      agentSessionId,
      cwd,
      ...(atMessageId !== null && { atMessageId }),
      ...(title !== null && { title }),
    };
    if (workspace === undefined) return (await driver.fork(request)).agentSessionId;
    const box = await this.#boxes(agent).open(driver, { sessionId: agentSessionId, hold: workspace });
    try {
      // The workspace stays where it is meanwhile, and the copy is worth a checkpoint.
      box.works(true);
      return (await driver.fork({ ...request, box })).agentSessionId;
    } finally {
      box.leave();
    }
  }

  /** Ends all, as the worker leaves: they can be gone on with later. */
  async close(): Promise<void> {
    clearInterval(this.#parking);
    await this.#options.warm?.close();
    await Promise.all([...this.#sessions.values()].map(session => session.stop('parked')));
  }

  /** The lease was lost: others may drive them by now. */
  async abandonAll(): Promise<void> {
    await this.#options.warm?.releaseAll();
    await Promise.all([...this.#sessions.values()].map(session => session.stop('failed')));
  }

  async #attach(
    { id, box }: LiveSession,
    attachment: SessionWorkerRequest<'session.prompt'>['attachments'][number],
  ): Promise<Prompt['attachments'][number]> {
    const { contentType } = attachment;
    const path = await this.#options.fetch(id, attachment);
    if (box === undefined) return { path, contentType };
    return { path, contentType, seenAs: await box.bring({ name: basename(path), bytes: await readFile(path) }) };
  }

  async #start(opening: Opening): Promise<string> {
    const { sessionId, permissionMode, workspace, agent } = opening;
    const { log, allowsBypass, permissionTimeoutMs, tell } = this.#options;
    if (!this.#options.mayWork()) throw new NotHere();
    if (permissionMode === 'bypassPermissions' && workspace === undefined && !allowsBypass)
      throw new AppError('POLICY_DENIED', 'permission_mode bypassPermissions is not allowed outside a workspace', {
        hint: 'use another permission_mode, or create the session with a workspace_id',
      });
    const driver = this.#driver(agent);
    await this.#sessions.get(sessionId)?.stop('parked');
    await this.#makeRoom();
    // As late as can be: whoever opens it from here on finds it driven.
    if (workspace === undefined) await this.#refuseWhatIsOpen(agent, opening.resume ?? undefined, sessionId);
    const box = workspace && (await this.#boxes(agent).open(driver, { sessionId, hold: workspace }));
    const { warm } = this.#options;
    const session = new LiveSession(opening, {
      driver: warm ? { ...driver, open: (request, host) => warm.open(driver, request, host) } : driver,
      ...(box && { box }),
      log: log.child({ session: sessionId }),
      permissionTimeoutMs,
      tell,
      spawned: process => this.#options.spawned(sessionId, process),
      ended: () => this.#forget(session, opening),
    });
    this.#sessions.set(sessionId, session);
    this.#places.set(sessionId, placeOf(opening));
    return await session.start();
  }

  #forget(session: LiveSession, { agent, cwd }: Opening): void {
    if (this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    this.#starting.delete(session.id);
    if (session.agentSessionId !== undefined) this.#driven.set(session.agentSessionId, Date.now());
    this.#places.delete(session.id);
    if ([...this.#places.values()].includes(placeOf({ agent, cwd }))) return;
    const { warm, log } = this.#options;
    warm?.release(agent, cwd).catch(error => log.error({ err: error }, 'an agent that was started ahead did not end'));
  }

  async #makeRoom(): Promise<void> {
    const { maxLive, warm } = this.#options;
    for (;;) {
      const isFull = this.#sessions.size >= maxLive;
      if (!isFull && !(await this.#lacksMemory())) return;
      if (!isFull && warm !== undefined && warm.size > 0) {
        await warm.releaseAll();
        continue;
      }
      const longest = this.#longestIdle();
      if (longest === undefined) throw isFull ? allBusy(maxLive) : this.#memoryFull();
      await longest.stop('parked');
    }
  }

  #longestIdle(): LiveSession | undefined {
    const idle = [...this.#sessions.values()].filter(({ status }) => status === 'idle');
    return idle.sort((a, b) => b.idleMs - a.idleMs)[0];
  }

  async #lacksMemory(): Promise<boolean> {
    const { memory } = this.#options;
    if (memory === undefined || (this.#sessions.size === 0 && (this.#options.warm?.size ?? 0) === 0)) return false;
    return (await memory.used()) >= memory.maxBytes;
  }

  #memoryFull(): AppError {
    const megabytes = Math.floor((this.#options.memory?.maxBytes ?? 0) / 2 ** 20);
    return new AppError('CAPACITY_EXCEEDED', `the live sessions of the worker hold all ${megabytes} MB that they may`, {
      hint: 'dispose a session with dispose_session, or wait for a turn to end',
      details: { max_memory_mb: megabytes, retry_after_seconds: 5 },
    });
  }

  #parkIdle(): void {
    const { parkAfterMs } = this.#options;
    for (const session of this.#sessions.values()) {
      if (session.idleMs >= parkAfterMs && session.status === 'idle') this.#park(session);
    }
  }

  #park(session: LiveSession): void {
    const { log } = this.#options;
    session.stop('parked').catch(error => log.error({ err: error, session: session.id }, 'a session was not parked'));
  }

  async #refuseWhatIsOpen(agent: string, agentSessionId: string | undefined, sessionId: string): Promise<void> {
    if (agentSessionId === undefined) return;
    const open = await this.#options.openElsewhere?.(agent, agentSessionId);
    if (open === undefined) return;
    const { pid, status, since } = open;
    throw new AppError('SESSION_OPEN_ELSEWHERE', `Session ${sessionId} is open in a terminal (pid ${pid})`, {
      details: { choices: ['fork', 'queue', 'wait'], openIn: { kind: 'terminal', pid, status, since } },
    });
  }

  #held({ sessionId, epoch }: Named): LiveSession {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.epoch !== epoch || !this.#options.mayWork()) throw new NotHere();
    return session;
  }

  #boxes(agent: string): AgentBoxes {
    const { boxes } = this.#options;
    if (boxes !== undefined) return boxes;
    throw unavailable(agent, 'the worker has none');
  }

  #driver(kind: string): Driver {
    const driver = this.#options.drivers.find(one => one.kind === kind);
    if (driver !== undefined) return driver;
    throw agentUnavailable(kind, {
      reason: 'not configured',
      hint: 'call list_agents_available; sessions.agents of the worker names what it may start',
    });
  }
}

const placeOf = ({ agent, cwd }: Pick<Opening, 'agent' | 'cwd'>): string => `${agent} ${cwd}`;

const allBusy = (maxLive: number): AppError =>
  new AppError('CAPACITY_EXCEEDED', `all ${maxLive} live sessions of the worker are busy`, {
    hint: 'dispose a session with dispose_session, or wait for a turn to end',
    details: { max_live: maxLive, retry_after_seconds: 5 },
  });

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
