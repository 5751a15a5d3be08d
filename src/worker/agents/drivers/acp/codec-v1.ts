import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { JsonObject } from '../../../../protocol/json.ts';
import type { Message, Part, PartOf, PermissionMode } from '../../../../protocol/sessions.ts';
import type { AgentUpdate } from '../../driver.ts';
import type { AcpCodec } from './codec.ts';
import type { AcpAgent } from './known-agents.ts';
import { type ToolTold, toolTold, toolText } from './tools-v1.ts';

const chunk = z.looseObject({
  content: z.looseObject({ type: z.string(), text: z.string().optional() }),
  messageId: z.string().nullish(),
});
const told = z.looseObject({ sessionUpdate: z.string() });
const info = z.looseObject({ title: z.string().nullish() });
const mode = z.looseObject({ currentModeId: z.string() });
const cost = z.looseObject({ cost: z.looseObject({ amount: z.number(), currency: z.string() }).nullish() });
/** Codex ends a turn that failed like one that did not, and says here that it failed. */
const status = z.looseObject({
  _meta: z.looseObject({ codex: z.looseObject({ threadStatus: z.looseObject({ type: z.string() }) }) }),
});

type Streamed = PartOf<'text'> | PartOf<'thinking'>;

/**
 * ACP version 1. It has no messages, only chunks and uses of tools: all that an agent says in a turn is one message here, and a text
 * goes on until something else comes.
 */
export class CodecV1 implements AcpCodec {
  readonly #sessionId: string;
  readonly #agent: AcpAgent;
  #answer: Message | undefined;
  #open: Streamed | undefined;
  readonly #tools = new Map<string, PartOf<'tool_use'>>();
  #notice = '';
  #hasFailed = false;
  #costUsd: number | null = null;

  constructor(sessionId: string, agent: AcpAgent) {
    this.#sessionId = sessionId;
    this.#agent = agent;
  }

  begin({ id, text }: { id: string; text: string }): AgentUpdate[] {
    const closed = this.end();
    this.#notice = '';
    this.#hasFailed = false;
    const part: Part = { id: `${id}:0`, messageId: id, sessionId: this.#sessionId, type: 'text', text };
    return [...closed, { kind: 'message', message: { ...this.#message(id, 'user'), parts: [part] } }];
  }

  end(): AgentUpdate[] {
    const left = [...this.#tools.values()].flatMap(tool => this.#settle(tool, 'error', 'it did not end'));
    const closed = [...this.#close(), ...left];
    this.#answer = undefined;
    return closed;
  }

  failure(): string | undefined {
    return this.#hasFailed ? this.#notice || 'the agent failed' : undefined;
  }

  costUsd(): number | null {
    return this.#costUsd;
  }

  of(update: unknown): AgentUpdate[] {
    switch (told.safeParse(update).data?.sessionUpdate) {
      case 'agent_message_chunk':
        return this.#chunk('text', chunk.safeParse(update).data);
      case 'agent_thought_chunk':
        return this.#chunk('thinking', chunk.safeParse(update).data);
      case 'tool_call':
      case 'tool_call_update':
        return this.#tool(toolTold.safeParse(update).data);
      case 'session_info_update':
        return this.#info(update);
      case 'current_mode_update':
        return this.#mode(mode.safeParse(update).data?.currentModeId);
      case 'usage_update': {
        const known = cost.safeParse(update).data?.cost;
        if (known?.currency === 'USD') this.#costUsd = known.amount;
        return [];
      }
      default:
        return [];
    }
  }

  #chunk(type: Streamed['type'], said: z.output<typeof chunk> | undefined): AgentUpdate[] {
    if (said?.content.type !== 'text') return [];
    const delta = said.content.text ?? '';
    const id = said.messageId ?? undefined;
    if (id === undefined && this.#agent.hasNoticesWithoutId) return this.#tellNotice(delta);
    const isSame = this.#open?.type === type && (id === undefined || this.#open.id === id);
    const updates = isSame ? [] : [...this.#close(), ...this.#begin(type, id)];
    if (this.#open === undefined || delta === '') return updates;
    this.#open.text += delta;
    return [...updates, { kind: 'delta', messageId: this.#open.messageId, partId: this.#open.id, delta }];
  }

  #begin(type: Streamed['type'], id: string = randomUUID()): AgentUpdate[] {
    const { updates, message } = this.#answering();
    const place = { id, messageId: message.id, sessionId: this.#sessionId, time: { start: Date.now() } };
    const part: Streamed = { ...place, type, text: '' };
    this.#open = part;
    return [...updates, { kind: 'part', part: { ...part } }];
  }

  #close(): AgentUpdate[] {
    const part = this.#open;
    this.#open = undefined;
    if (part === undefined) return [];
    const whole: Part = { ...part, time: { start: part.time?.start ?? Date.now(), end: Date.now() } };
    return [
      { kind: 'part', part: whole },
      { kind: 'part_completed', messageId: part.messageId, partId: part.id },
    ];
  }

  #tellNotice(text: string): AgentUpdate[] {
    this.#notice = text.trim();
    const message = this.#message(randomUUID(), 'system');
    const place = { id: `${message.id}:0`, messageId: message.id, sessionId: this.#sessionId };
    const part: Part = { ...place, type: 'system', subtype: 'notice', data: { text: this.#notice } };
    return [{ kind: 'message', message: { ...message, parts: [part] } }];
  }

  #tool(said: ToolTold | undefined): AgentUpdate[] {
    if (said === undefined) return [];
    const known = this.#tools.get(said.toolCallId);
    const isNews = known === undefined;
    // The end of one that was never begun, or was ended here: nothing to tell.
    if (isNews && said.status !== undefined && said.status !== 'pending' && said.status !== 'in_progress') {
      if (said.sessionUpdate !== 'tool_call') return [];
    }
    const updates = isNews ? this.#close() : [];
    const answering = this.#answering();
    const part: PartOf<'tool_use'> = {
      ...(known ?? this.#newTool(said.toolCallId, answering.message.id)),
      ...((said.name ?? known?.tool ?? said.kind) && { tool: said.name ?? known?.tool ?? said.kind ?? 'other' }),
      ...(said.rawInput && { input: said.rawInput }),
    };
    this.#tools.set(part.id, part);
    updates.push(...(isNews ? answering.updates : []));
    if (said.status === 'completed' || said.status === 'failed') {
      const state = said.status === 'completed' ? 'completed' : 'error';
      return [...updates, ...this.#settle(part, state, toolText(said))];
    }
    return [...updates, { kind: 'part', part }];
  }

  #newTool(id: string, messageId: string): PartOf<'tool_use'> {
    const input: JsonObject = {};
    const time = { start: Date.now() };
    return {
      id,
      messageId,
      sessionId: this.#sessionId,
      time,
      type: 'tool_use',
      tool: 'other',
      input,
      state: 'running',
    };
  }

  #settle(tool: PartOf<'tool_use'>, state: 'completed' | 'error', resultText: string): AgentUpdate[] {
    this.#tools.delete(tool.id);
    const time = { start: tool.time?.start ?? Date.now(), end: Date.now() };
    return [
      { kind: 'part', part: { ...tool, time, state, resultText } },
      { kind: 'part_completed', messageId: tool.messageId, partId: tool.id },
    ];
  }

  #info(update: unknown): AgentUpdate[] {
    if (status.safeParse(update).data?._meta.codex.threadStatus.type === 'systemError') this.#hasFailed = true;
    const title = info.safeParse(update).data?.title;
    return title ? [{ kind: 'title', title }] : [];
  }

  #mode(id: string | undefined): AgentUpdate[] {
    const ours = modesOf(this.#agent).find(([, theirs]) => theirs === id);
    return ours === undefined ? [] : [{ kind: 'mode', mode: ours[0] }];
  }

  #answering(): { message: Message; updates: AgentUpdate[] } {
    if (this.#answer) return { message: this.#answer, updates: [] };
    const message = this.#message(randomUUID(), 'assistant');
    this.#answer = message;
    return { message, updates: [{ kind: 'message', message }] };
  }

  #message(id: string, role: Message['role']): Message {
    return { id, sessionId: this.#sessionId, role, time: { created: Date.now() }, parts: [] };
  }
}

export function modesOf({ modes }: AcpAgent): [PermissionMode, string][] {
  const all = ['default', 'auto', 'plan', 'acceptEdits', 'dontAsk', 'bypassPermissions'] as const;
  return all.flatMap((mode): [PermissionMode, string][] => {
    const theirs = modes[mode];
    return theirs === undefined ? [] : [[mode, theirs]];
  });
}
