import type { Query, SDKMessage, SDKResultMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID, type UUID } from 'node:crypto';
import type { Log } from '../../../../log/log.ts';
import type { Usage } from '../../../../protocol/sessions.ts';
import type { DriverHost, LiveAgent, Prompt, TurnEnd } from '../../driver.ts';
import { type AgentProcess, agentExited } from '../../processes/agent-process.ts';
import { settledWithin } from '../settled-within.ts';
import type { InputQueue } from './input-queue.ts';
import { contentOf } from './prompt-content.ts';
import { ClaudeUpdates } from './updates.ts';
import { UsageCounter } from './usage.ts';

const INTERRUPT_MS = 1000;
/** A process that does not stop a turn by then has hung, and only its end frees the session. */
const CANCEL_MS = 10_000;
/** Who says of which prompt a message is. */
const LIFECYCLE = 'msg_lifecycle_v1';

export interface ClaudeSessionParts {
  readonly sessionId: string;
  readonly agentSessionId: string;
  readonly isResumed: boolean;
  /** Of the session before it was opened here, where that is known. */
  readonly used: Usage | undefined;
  readonly query: Query;
  readonly input: InputQueue<SDKUserMessage>;
  readonly running: AgentProcess;
  readonly host: DriverHost;
  readonly log: Log;
  plain(error: string): string;
}

interface Turn {
  readonly uuid: UUID;
  readonly startedAt: number;
  readonly end: PromiseWithResolvers<TurnEnd>;
  /** Before that a result belongs to work in the background that had not ended yet. */
  hasBegun: boolean;
  isInterrupted: boolean;
}

/** One process of Claude Code that takes prompt after prompt. */
export class ClaudeSession implements LiveAgent {
  readonly agentSessionId: string;
  readonly exited: LiveAgent['exited'];
  readonly #parts: ClaudeSessionParts;
  readonly #updates: ClaudeUpdates;
  #turn: Turn | undefined;
  readonly #counter: UsageCounter;
  #tellsBeginning = false;
  #model = '';
  #mode = '';

  constructor(parts: ClaudeSessionParts) {
    this.#parts = parts;
    this.agentSessionId = parts.agentSessionId;
    this.#updates = new ClaudeUpdates(parts.sessionId);
    this.#counter = new UsageCounter(parts);
    const heard = this.#listen();
    this.exited = parts.running.exited.then(async exit => {
      await heard;
      this.#turn?.end.reject(agentExited(exit));
      return exit;
    });
  }

  async prompt(prompt: Prompt): Promise<TurnEnd> {
    const { child } = this.#parts.running;
    if (child.exitCode !== null || child.signalCode !== null) throw agentExited(await this.exited);
    const content = await contentOf(prompt);
    const uuid = randomUUID();
    const end = Promise.withResolvers<TurnEnd>();
    const turn = { uuid, startedAt: Date.now(), end, hasBegun: false, isInterrupted: false };
    this.#turn = turn;
    // It may end before it is waited for.
    end.promise.catch(() => undefined);
    this.#parts.input.put({
      type: 'user',
      uuid,
      session_id: this.agentSessionId,
      parent_tool_use_id: null,
      message: { role: 'user', content },
    });
    // The agent has it before anybody hears of it, and says nothing before that; it is told with the status of the turn.
    await new Promise(resolve => process.nextTick(resolve));
    for (const update of this.#updates.prompt(uuid, prompt.text)) this.#parts.host.emit(update);
    try {
      return await end.promise;
    } finally {
      this.#turn = undefined;
    }
  }

  async interrupt(): Promise<void> {
    const turn = this.#turn;
    if (turn === undefined) return;
    turn.isInterrupted = true;
    const { query, running } = this.#parts;
    const stopped = query.interrupt().then(() => turn.end.promise);
    if (await settledWithin(CANCEL_MS, stopped)) return;
    await running.end({ graceMs: 0 });
  }

  async close(): Promise<void> {
    await settledWithin(INTERRUPT_MS, this.interrupt());
    this.#parts.input.end();
    await this.#parts.running.end();
    this.#parts.query.close();
    await this.exited;
  }

  async #listen(): Promise<void> {
    const { query, log } = this.#parts;
    try {
      for await (const said of query) this.#heard(said);
    } catch (error) {
      // That the process ended is told by the process; the SDK words it in its own way.
      log.debug({ err: error }, 'Claude Code is no longer heard');
    }
  }

  #heard(said: SDKMessage): void {
    this.#follow(said);
    for (const update of this.#updates.of(said)) {
      // Each turn names model and mode anew.
      if (update.kind === 'model' && update.model === this.#model) continue;
      if (update.kind === 'mode' && update.mode === this.#mode) continue;
      if (update.kind === 'model') this.#model = update.model;
      if (update.kind === 'mode') this.#mode = update.mode;
      this.#parts.host.emit(update);
    }
    if (said.type === 'result') this.#result(said);
  }

  /** Finds out whether the turn that was asked for is the one that runs. */
  #follow(said: SDKMessage): void {
    // Most of what is said names no prompt.
    const isInit = said.type === 'system' && said.subtype === 'init';
    if (!isInit && !NAMING.some(field => field in said)) return;
    // Not all of them are among the SDK's types.
    const fields: Readonly<Record<string, unknown>> = { ...said };
    if (isInit) this.#tellsBeginning = listed(fields.capabilities).includes(LIFECYCLE);
    const turn = this.#turn;
    if (turn === undefined) return;
    if (!this.#tellsBeginning && isInit) turn.hasBegun = true;
    const named = [fields.user_message_uuid, fields.command_uuid, ...listed(fields.user_message_uuids)];
    if (!named.includes(turn.uuid) || fields.state === 'queued') return;
    turn.hasBegun = true;
    if (fields.state !== 'cancelled') return;
    // Of a turn that had begun the result came first: this one never ran.
    turn.end.resolve({ outcome: 'aborted', durationMs: Date.now() - turn.startedAt });
  }

  #result(said: SDKResultMessage): void {
    const { turn: usage, session } = this.#counter.count(said);
    this.#parts.host.emit({ kind: 'usage', usage: session });
    const turn = this.#turn;
    if (turn === undefined || !turn.hasBegun) return;
    turn.end.resolve({ ...this.#outcome(said, turn), usage, durationMs: Date.now() - turn.startedAt });
  }

  #outcome(said: SDKResultMessage, turn: Turn): Pick<TurnEnd, 'outcome' | 'error'> {
    if (!said.is_error && said.subtype === 'success') return { outcome: 'completed' };
    if (turn.isInterrupted) return { outcome: 'aborted' };
    const reason = said.subtype === 'success' ? said.result : said.errors.join('; ') || said.subtype;
    return { outcome: 'failed', error: this.#parts.plain(reason) };
  }
}

/** What has none of these says of no prompt what became of it. */
const NAMING = ['user_message_uuid', 'user_message_uuids', 'command_uuid'];

const listed = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
