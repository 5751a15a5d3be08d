import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { isProcessThere, type ProcessName, processNameOf } from '../../../ids/process-name.ts';
import type { Log } from '../../../log/log.ts';
import { agentUnavailable } from '../unavailable.ts';
import {
  type AgentProcess,
  type AgentStarter,
  type Exit,
  exitText,
  type Launch,
  MARK,
  type StartAgent,
} from './agent-process.ts';
import { askToEnd, complaintsOf } from './ending.ts';
import { type ProcessRecord, ProcessRecords } from './records.ts';
import { killTree, membersOf, type ProcessTree } from './tree.ts';

/** The kernel may be busy writing out what a killed process had; this is far beyond that. */
const KILL_MS = 10_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** The agents' processes of one worker: each in its own group, known on disk before it runs, ended with all that it started. */
export class AgentProcesses implements AgentStarter {
  readonly #records: ProcessRecords;
  readonly #log: Log;
  readonly #owner: Promise<ProcessName>;
  readonly #running = new Set<AgentProcess>();

  /** `directory` belongs to this worker alone. */
  constructor(options: { directory: string; log: Log }) {
    this.#records = new ProcessRecords(options.directory);
    this.#log = options.log;
    this.#owner = processNameOf(process.pid);
  }

  /** Rejects with AGENT_UNAVAILABLE when the program cannot be started. */
  async start(request: StartAgent): Promise<AgentProcess> {
    const { child, running } = this.#launch(request, await this.#owner);
    const [error] = await Promise.race([once(child, 'spawn').then(() => []), once(child, 'error')]);
    if (error === undefined) return running;
    this.#log.warn({ kind: request.kind, error: String(error) }, 'an agent does not start');
    throw agentUnavailable(request.kind, { reason: 'its program does not start' });
  }

  /** For callers that may not wait between asking for a process and having it. Its `exited` tells when it does not start. */
  async prepare(known: Pick<StartAgent, 'kind' | 'sessionId' | 'cwd'>): Promise<Launch> {
    const owner = await this.#owner;
    return program => this.#launch({ ...known, ...program }, owner).running;
  }

  #launch(request: StartAgent, owner: ProcessName): { child: Child; running: AgentProcess } {
    const id = randomUUID();
    const mark = `${MARK}=${id}`;
    const { kind, sessionId } = request;
    const record = { mark, kind, sessionId, owner, boot: bootId(), startedAt: Date.now() };
    this.#writeDown(id, record);
    const child = spawn(request.command, request.args, {
      cwd: request.cwd,
      env: { ...request.environment, [MARK]: id },
      // A group and kernel session of its own: what is meant for us, such as Ctrl-C, does not reach it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const leader = nameAtOnce(child.pid);
    if (leader) this.#writeLeader(id, { ...record, leader });
    return { child, running: this.#watch({ child, id, kind, tree: { leader, mark } }) };
  }

  /** Throws AGENT_UNAVAILABLE where it cannot, such as on a full disk: what is not written down is not started. */
  #writeDown(id: string, record: ProcessRecord): void {
    try {
      this.#records.write(id, record);
    } catch (error) {
      this.#log.error({ err: error, kind: record.kind }, 'the process of an agent cannot be written down');
      throw agentUnavailable(record.kind, {
        reason: 'its process cannot be written down',
        hint: 'look whether the disk of the worker is full',
      });
    }
  }

  /** It runs by now, and its mark is on disk, by which it is found too. */
  #writeLeader(id: string, record: ProcessRecord): void {
    try {
      this.#records.write(id, record);
    } catch (error) {
      this.#log.warn({ err: error, kind: record.kind }, 'the number of an agent’s process was not written down');
    }
  }

  #watch(started: { child: Child; id: string; kind: string; tree: ProcessTree }): AgentProcess {
    const { child, id, kind, tree } = started;
    const complaints = complaintsOf(child.stderr);
    // A write to a process that has ended is told by its exit.
    child.stdin.on('error', () => undefined);
    const over = new Promise<Exit>(resolve => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', () => child.pid === undefined && resolve({ code: null, signal: null }));
    });
    const exited = over.then(async exit => {
      await this.#clear({ id, kind, tree });
      this.#running.delete(running);
      return exit;
    });
    const running: AgentProcess = {
      pid: child.pid ?? -1,
      child,
      exited,
      complaints,
      end: async ({ graceMs } = {}) => {
        await askToEnd({ stdin: child.stdin, over, graceMs, kill: () => killTree(tree, { withinMs: KILL_MS }) });
        const exit = await exited;
        this.#log.debug({ kind, exit: exitText(exit) }, 'an agent was ended');
        return exit;
      },
    };
    this.#running.add(running);
    return running;
  }

  /** Ends what is left of a tree and forgets it; a record of what cannot be ended stays, for the next start. */
  async #clear({ id, kind, tree }: { id: string; kind: string; tree: ProcessTree }): Promise<number> {
    const left = await killTree(tree, { withinMs: KILL_MS });
    if (left.length === 0) this.#records.remove(id);
    else this.#log.error({ kind, pids: left.map(({ pid }) => pid) }, 'processes of an agent cannot be ended');
    return left.length;
  }

  /** Of the agents that run: a terminal's presence list holds them too. */
  pids(): number[] {
    return [...this.#running].map(({ pid }) => pid);
  }

  /** Ends what processes left that were started here and are gone. At the start of a worker, before it starts any agent. */
  async reap(): Promise<{ reaped: string[] }> {
    const reaped: string[] = [];
    for (const { id, record } of this.#records.list()) {
      if (record === undefined) await this.#reapUnknown(id, reaped);
      else if (record.boot !== bootId()) this.#records.remove(id);
      else if (!(await isProcessThere(record.owner))) {
        await this.#clear({ id, kind: record.kind, tree: record });
        reaped.push(record.sessionId ?? record.kind);
        this.#log.info({ kind: record.kind, session: record.sessionId }, 'ended an agent that a crash had left');
      }
    }
    return { reaped };
  }

  /** A torn record still has its mark in its name. Who started the process is known from its parent, as long as that lives. */
  async #reapUnknown(id: string, reaped: string[]): Promise<void> {
    const tree = { mark: `${MARK}=${id}` };
    const members = await membersOf(tree);
    const pids = new Set(members.map(({ pid }) => pid));
    const parents = members.flatMap(({ parent }) => (pids.has(parent) ? [] : [readlink(`/proc/${parent}/exe`)]));
    const programs = await Promise.allSettled(parents);
    if (programs.some(one => one.status === 'fulfilled' && one.value === process.execPath)) return;
    await this.#clear({ id, kind: 'unknown', tree });
    if (members.length > 0) reaped.push('unknown');
    this.#log.warn({ pids: [...pids] }, 'an unreadable record of an agent’s process was cleared away');
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map(running => running.end()));
  }
}

const bootId = (): string => readKernelFile('/proc/sys/kernel/random/boot_id').trim();

/** Read without waiting: the child stays a zombie until our loop turns, so its number cannot be anybody else's yet. */
function nameAtOnce(pid: number | undefined): ProcessName | undefined {
  if (pid === undefined) return undefined;
  const stat = readKernelFile(`/proc/${pid}/stat`);
  return { pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
}

/** Empty where the kernel has no such file, as outside of Linux. */
function readKernelFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
