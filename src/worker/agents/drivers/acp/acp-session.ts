import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { methods } from '@agentclientprotocol/sdk';
import { z } from 'zod';
import { AppError } from '../../../../errors/app-error.ts';
import type { Usage } from '../../../../protocol/sessions.ts';
import type { DriverHost, LiveAgent, Prompt, TurnEnd } from '../../driver.ts';
import { agentExited } from '../../processes/agent-process.ts';
import { settledWithin } from '../settled-within.ts';
import { plus } from '../usage.ts';
import type { AcpProcess, SessionListener } from './acp-process.ts';
import type { AcpCodec } from './codec.ts';
import type { AcpAgent } from './known-agents.ts';
import { optionFor, questionOf } from './permissions-v1.ts';
import { usageOfTurn } from './usage-v1.ts';

const CLOSE_MS = 1000;
/** An agent that does not stop a turn by then has hung, and only its end frees the session. */
const CANCEL_MS = 10_000;

export interface AcpSessionParts {
  readonly agent: AcpAgent;
  readonly agentSessionId: string;
  readonly process: AcpProcess;
  readonly codec: AcpCodec;
  readonly host: DriverHost;
  /** Of the session before it was opened here. */
  readonly used: Usage;
  plain(error: string): string;
  giveBack(): Promise<void>;
}

const endSchema = z.looseObject({ stopReason: z.string() });
const errorSchema = z.looseObject({
  message: z.string(),
  data: z.looseObject({ details: z.string().optional(), message: z.string().optional() }).optional().catch(undefined),
});

/** One session in a process that may hold others. */
export class AcpSession implements LiveAgent, SessionListener {
  readonly agentSessionId: string;
  readonly exited: LiveAgent['exited'];
  readonly #parts: AcpSessionParts;
  readonly #asking = new Set<AbortController>();
  readonly #left = Promise.withResolvers<Awaited<LiveAgent['exited']>>();
  #sums: Usage;
  #turn: { readonly over: Promise<unknown>; isCancelled: boolean } | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: AcpSessionParts) {
    this.#parts = parts;
    this.#sums = parts.used;
    this.agentSessionId = parts.agentSessionId;
    const { process } = parts;
    process.listen(this.agentSessionId, this);
    this.exited = Promise.race([process.running.exited, this.#left.promise]);
    void process.running.exited.then(() => this.#withdraw());
  }

  update(update: unknown): void {
    for (const told of this.#parts.codec.of(update)) this.#parts.host.emit(told);
  }

  async permission(request: Parameters<SessionListener['permission']>[0]): Promise<string | undefined> {
    const turn = this.#turn;
    // A request that comes after its turn was stopped is answered like those that were pending then.
    if (turn === undefined || turn.isCancelled) return undefined;
    // Some agents tell of the tool only here.
    this.update({ ...request.toolCall, sessionUpdate: 'tool_call_update' });
    const asking = new AbortController();
    this.#asking.add(asking);
    try {
      const answer = await this.#parts.host.ask(questionOf(request, this.#parts.agent), asking.signal);
      return optionFor(request, answer);
    } finally {
      this.#asking.delete(asking);
    }
  }

  async prompt(prompt: Prompt): Promise<TurnEnd> {
    const { host, codec, process } = this.#parts;
    const { child } = process.running;
    if (child.exitCode !== null || child.signalCode !== null) throw agentExited(await process.running.exited);
    const startedAt = Date.now();
    const costBefore = codec.costUsd();
    const blocks = await this.#blocks(prompt);
    for (const told of codec.begin({ id: randomUUID(), text: prompt.text })) host.emit(told);
    const over = process.request(methods.agent.session.prompt, { sessionId: this.agentSessionId, prompt: blocks });
    const turn = { over, isCancelled: false };
    this.#turn = turn;
    let end: Pick<TurnEnd, 'outcome' | 'error' | 'usage'>;
    try {
      const told = await over;
      end = { ...this.#outcome(told, turn), usage: this.#count(told, costBefore) };
    } catch (error) {
      if (error instanceof AppError) throw error;
      end = turn.isCancelled ? { outcome: 'aborted' } : { outcome: 'failed', error: this.#reason(error) };
    } finally {
      this.#turn = undefined;
      this.#withdraw();
      for (const told of codec.end()) host.emit(told);
    }
    return { ...end, durationMs: Date.now() - startedAt };
  }

  async interrupt(): Promise<void> {
    const turn = this.#turn;
    if (turn === undefined) return;
    turn.isCancelled = true;
    const { process } = this.#parts;
    await process.notify(methods.agent.session.cancel, { sessionId: this.agentSessionId });
    // An agent that waits for an answer may wait for ever unless it gets one.
    this.#withdraw();
    if (await settledWithin(CANCEL_MS, turn.over)) return;
    await process.running.end({ graceMs: 0 });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { process, giveBack } = this.#parts;
    await settledWithin(CLOSE_MS, this.interrupt());
    if (process.hello.agentCapabilities?.sessionCapabilities?.close) {
      const closed = process.request(methods.agent.session.close, { sessionId: this.agentSessionId });
      await settledWithin(CLOSE_MS, closed);
    }
    process.forget(this.agentSessionId);
    await giveBack();
    this.#left.resolve({ code: 0, signal: null });
  }

  #withdraw(): void {
    for (const asking of this.#asking) asking.abort();
  }

  #outcome(told: unknown, { isCancelled }: { isCancelled: boolean }): Pick<TurnEnd, 'outcome' | 'error'> {
    if (isCancelled) return { outcome: 'aborted' };
    const failure = this.#parts.codec.failure();
    if (failure !== undefined) return { outcome: 'failed', error: this.#parts.plain(failure) };
    const { stopReason } = endSchema.parse(told);
    if (stopReason === 'end_turn') return { outcome: 'completed' };
    // The agent stopped by itself, as some do when a tool was denied.
    if (stopReason === 'cancelled') return { outcome: 'aborted' };
    return { outcome: 'failed', error: `the agent stopped: ${stopReason}` };
  }

  #count(told: unknown, costBefore: number | null): Usage | undefined {
    const cost = this.#parts.codec.costUsd();
    const usage = usageOfTurn(told, cost === null ? null : cost - (costBefore ?? 0));
    if (usage === undefined) return undefined;
    this.#sums = plus(this.#sums, usage);
    this.#parts.host.emit({ kind: 'usage', usage: this.#sums });
    return usage;
  }

  #reason(error: unknown): string {
    const told = errorSchema.safeParse(error).data;
    const detail = told?.data?.details ?? told?.data?.message;
    return this.#parts.plain([told?.message ?? String(error), detail].filter(Boolean).join(': '));
  }

  /** Pictures as such where the agent takes them; anything else as a link to the file. */
  async #blocks({ text, attachments }: Prompt): Promise<object[]> {
    const takesImages = this.#parts.process.hello.agentCapabilities?.promptCapabilities?.image === true;
    const attached = attachments.map(async ({ path, contentType, seenAs = path }) => {
      if (takesImages && contentType.startsWith('image/')) {
        return { type: 'image', mimeType: contentType, data: await readFile(path, 'base64') };
      }
      return { type: 'resource_link', uri: pathToFileURL(seenAs).href, name: basename(seenAs), mimeType: contentType };
    });
    return [{ type: 'text', text }, ...(await Promise.all(attached))];
  }
}
