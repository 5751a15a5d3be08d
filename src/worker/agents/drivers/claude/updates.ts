import type {
  SDKAssistantMessage,
  SDKMessage,
  SDKPartialAssistantMessage,
  SDKUserMessage,
  SDKUserMessageReplay,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { json } from '../../../../protocol/json.ts';
import type { Message, Part, PartOf } from '../../../../protocol/sessions.ts';
import type { AgentUpdate } from '../../driver.ts';
import { subagentUpdates } from './subagents.ts';

type Block = SDKAssistantMessage['message']['content'][number];
type Content = SDKUserMessage['message']['content'];

const jsonObject = z.record(z.string(), json);

/**
 * Claude Code's messages as updates. An answer of the model has the model's id of it, a part of it that and its place, a use of a
 * tool the model's id of that; all of these stand in the transcript too, so that what is read there later is the same. What the
 * user's side says has the uuid of its line.
 */
export class ClaudeUpdates {
  readonly #sessionId: string;
  /** Answers that were told of, with how many of their parts were. */
  readonly #answers = new Map<string, number>();
  /** Of the main conversation and of each subagent: the answer that is being streamed. */
  readonly #streamed = new Map<string | null, string>();
  readonly #tools = new Map<string, PartOf<'tool_use'>>();
  readonly #subagents = subagentUpdates();

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  /** A prompt, which Claude Code does not say back. */
  prompt(id: string, text: string): AgentUpdate[] {
    const message = { ...this.#message({ id, role: 'user', created: Date.now() }) };
    const part: Part = { id: `${id}:0`, messageId: id, sessionId: this.#sessionId, type: 'text', text };
    return [{ kind: 'message', message: { ...message, parts: [part] } }];
  }

  of(said: SDKMessage): AgentUpdate[] {
    if (said.type === 'stream_event') return this.#partial(said);
    if (said.type === 'assistant') return this.#assistant(said);
    if (said.type === 'user') return this.#user(said);
    if (said.type !== 'system') return [];
    if (said.subtype === 'init') {
      return [
        { kind: 'model', model: said.model },
        { kind: 'mode', mode: said.permissionMode },
      ];
    }
    if (said.subtype === 'status' && said.permissionMode) return [{ kind: 'mode', mode: said.permissionMode }];
    return this.#subagents(said);
  }

  #partial({ event, parent_tool_use_id: parent }: SDKPartialAssistantMessage): AgentUpdate[] {
    if (event.type === 'message_start') {
      this.#streamed.set(parent, event.message.id);
      return this.#begin({ id: event.message.id, model: event.message.model, parent, created: Date.now() });
    }
    const messageId = this.#streamed.get(parent);
    if (messageId === undefined) return [];
    if (event.type === 'content_block_start') {
      const { type } = event.content_block;
      if (type !== 'text' && type !== 'thinking') return [];
      const part: Part = { ...this.#place(messageId, event.index), type, text: '', time: { start: Date.now() } };
      return [{ kind: 'part', part }];
    }
    if (event.type !== 'content_block_delta') return [];
    const delta = deltaOf(event.delta);
    return delta === '' ? [] : [{ kind: 'delta', messageId, partId: partId(messageId, event.index), delta }];
  }

  #assistant(said: SDKAssistantMessage): AgentUpdate[] {
    const { message, parent_tool_use_id: parent } = said;
    const created = timeOf(said);
    const updates = this.#begin({ id: message.id, model: message.model, parent, created });
    for (const block of message.content) {
      const at = this.#answers.get(message.id) ?? 0;
      this.#answers.set(message.id, at + 1);
      const part = this.#partOf(block, this.#place(message.id, at), created);
      if (part === undefined) continue;
      updates.push({ kind: 'part', part });
      if (part.type === 'tool_use') this.#tools.set(part.id, part);
      else updates.push({ kind: 'part_completed', messageId: message.id, partId: part.id });
    }
    return updates;
  }

  #partOf(block: Block, place: { id: string; messageId: string; sessionId: string }, end: number): Part | undefined {
    const time = { start: end, end };
    if (block.type === 'text') return { ...place, time, type: 'text', text: block.text };
    if (block.type === 'thinking') return { ...place, time, type: 'thinking', text: block.thinking };
    if (block.type !== 'tool_use' && block.type !== 'server_tool_use') return undefined;
    const input = jsonObject.safeParse(block.input).data ?? {};
    const tool = { type: 'tool_use', tool: block.name, input, state: 'running' } as const;
    return { ...place, id: block.id, time: { start: end }, ...tool };
  }

  #user(said: SDKUserMessage | SDKUserMessageReplay): AgentUpdate[] {
    if ('isReplay' in said || said.uuid === undefined) return [];
    const { uuid: id, parent_tool_use_id: parent } = said;
    const place = (at: number) => this.#place(id, at);
    const parts = blocksOf(said.message.content).flatMap((block, at): Part[] => {
      if (block.type === 'text') return [{ ...place(at), type: 'text', text: block.text }];
      if (block.type !== 'tool_result') return [];
      const content = resultText(block.content);
      const isError = block.is_error === true;
      return [{ ...place(at), type: 'tool_result', toolUseId: block.tool_use_id, content, isError }];
    });
    if (parts.length === 0) return [];
    const message = this.#message({ id, role: 'user', created: timeOf(said), parent });
    const results = parts.flatMap(part => (part.type === 'tool_result' ? this.#settled(part) : []));
    return [...results, { kind: 'message', message: { ...message, parts } }];
  }

  /** The use of the tool, now that its result is there. */
  #settled({ toolUseId, content, isError }: PartOf<'tool_result'>): AgentUpdate[] {
    const tool = this.#tools.get(toolUseId);
    if (tool === undefined) return [];
    this.#tools.delete(toolUseId);
    const time = { start: tool.time?.start ?? Date.now(), end: Date.now() };
    const part: Part = { ...tool, time, state: isError ? 'error' : 'completed', resultText: content };
    return [
      { kind: 'part', part },
      { kind: 'part_completed', messageId: part.messageId, partId: part.id },
    ];
  }

  #begin(answer: { id: string; model: string; parent: string | null; created: number }): AgentUpdate[] {
    if (this.#answers.has(answer.id)) return [];
    this.#answers.set(answer.id, 0);
    return [{ kind: 'message', message: { ...this.#message({ ...answer, role: 'assistant' }), model: answer.model } }];
  }

  #message(about: { id: string; role: Message['role']; created: number; parent?: string | null }): Message {
    const { id, role, created, parent } = about;
    const message: Message = { id, sessionId: this.#sessionId, role, time: { created }, parts: [] };
    return parent ? { ...message, isSidechain: true, parentId: parent } : message;
  }

  #place(messageId: string, at: number) {
    return { id: partId(messageId, at), messageId, sessionId: this.#sessionId };
  }
}

const partId = (messageId: string, at: number): string => `${messageId}:${at}`;

function deltaOf(delta: { type: string; text?: string; thinking?: string }): string {
  if (delta.type === 'text_delta') return delta.text ?? '';
  return delta.type === 'thinking_delta' ? (delta.thinking ?? '') : '';
}

const blocksOf = (content: Content) =>
  typeof content === 'string' ? [{ type: 'text', text: content } as const] : content;

/** The text of a tool's result; what is no text is named. */
function resultText(content: string | readonly { type: string; text?: string }[] | undefined): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(block => block.text ?? `[${block.type}]`).join('\n');
}

function timeOf({ timestamp }: { timestamp?: string }): number {
  const time = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
  return Number.isNaN(time) ? Date.now() : time;
}
