import { z } from 'zod';
import type { Upstream } from '../http/upstream.ts';
import type { AgentRef } from '../provider.ts';
import { NAME_LABEL } from './agents.ts';
import type { CoderApi } from './api.gen.ts';
import { aboutAgent, isNotThere, segment } from './failures.ts';
import type { Generation } from './generations.ts';
import { chatListSchema, chatMessagesSchema, chatPromptsSchema, chatSchema, type UpstreamChat } from './upstream.ts';

const anything = z.unknown();
const textPart = (text: string): CoderApi['codersdk.ChatInputPart'] => ({ type: 'text', text });
const PAGE = 200;
/** The newest so many pages of messages are read. */
const MOST_PAGES = 25;

export type ChatMessage = NonNullable<z.output<typeof chatMessagesSchema>['messages']>[number];

/** Chats of Coder. Its methods throw UpstreamFailure. */
export class ChatsApi {
  readonly #upstream: Upstream;
  readonly #path: NonNullable<Generation['chats']>;

  constructor(path: NonNullable<Generation['chats']>, { upstream }: { upstream: Upstream }) {
    this.#path = path;
    this.#upstream = upstream;
  }

  /** Chats, and those that they have begun; `archived` ones are listed only when asked for. */
  async list({ query = {}, signal }: { query?: Record<string, string>; signal: AbortSignal }): Promise<UpstreamChat[]> {
    return flattened(
      await this.#upstream.request({ method: 'GET', path: this.#path, query, reads: chatListSchema, signal }),
    );
  }

  /** Those that were made under this name. */
  named(name: string, signal: AbortSignal): Promise<UpstreamChat[]> {
    return this.list({ query: { label: `${NAME_LABEL}:${name}` }, signal });
  }

  get(agent: AgentRef, signal: AbortSignal): Promise<UpstreamChat> {
    return this.#ask(agent, { method: 'GET', reads: chatSchema, signal });
  }

  create({
    organizationId,
    prompt,
    name,
    workspaceId,
    signal,
  }: {
    organizationId: string;
    prompt: string;
    name: string;
    workspaceId: string;
    signal: AbortSignal;
  }): Promise<UpstreamChat> {
    const body: CoderApi['codersdk.CreateChatRequest'] = {
      organization_id: organizationId,
      content: [textPart(prompt)],
      workspace_id: workspaceId,
      client_type: 'api',
      labels: { [NAME_LABEL]: name },
    };
    return this.#upstream.request({ method: 'POST', path: this.#path, body, reads: chatSchema, signal });
  }

  async send(
    agent: AgentRef,
    { text, interrupt, signal }: { text: string; interrupt: boolean; signal: AbortSignal },
  ): Promise<void> {
    const body: CoderApi['codersdk.CreateChatMessageRequest'] = {
      content: [textPart(text)],
      busy_behavior: interrupt ? 'interrupt' : 'queue',
    };
    await this.#ask(agent, { method: 'POST', action: '/messages', body, reads: anything, signal });
  }

  async interrupt(agent: AgentRef, signal: AbortSignal): Promise<void> {
    await this.#ask(agent, { method: 'POST', action: '/interrupt', reads: anything, signal });
  }

  async change(
    agent: AgentRef,
    { body, signal }: { body: CoderApi['codersdk.UpdateChatRequest']; signal: AbortSignal },
  ): Promise<void> {
    await this.#ask(agent, { method: 'PATCH', body, reads: anything, isSafe: true, signal });
  }

  /** The newest messages, oldest first. */
  async messages(agent: AgentRef, signal: AbortSignal): Promise<ChatMessage[]> {
    const found = new Map<number, ChatMessage>();
    let before: number | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const query = { limit: PAGE, before_id: before };
      const answer = await this.#ask(agent, {
        method: 'GET',
        action: '/messages',
        query,
        reads: chatMessagesSchema,
        signal,
      });
      const messages = answer.messages ?? [];
      for (const message of messages) found.set(message.id, message);
      const oldest = Math.min(...messages.map(({ id }) => id));
      if (answer.has_more !== true || messages.length === 0 || (before !== undefined && oldest >= before)) break;
      before = oldest;
    }
    return [...found.values()].sort((a, b) => a.id - b.id);
  }

  /** What the chat was begun with; null where the server does not tell. */
  async firstPrompt(agent: AgentRef, signal: AbortSignal): Promise<string | null> {
    try {
      const { prompts } = await this.#ask(agent, {
        method: 'GET',
        action: '/prompts',
        query: { limit: 2000 },
        reads: chatPromptsSchema,
        signal,
      });
      const [first] = [...(prompts ?? [])].sort((a, b) => a.id - b.id);
      return first?.text ?? null;
    } catch (error) {
      // Servers of an earlier version have no such route.
      if (isNotThere(error)) return null;
      throw error;
    }
  }

  #ask<T>(
    agent: AgentRef,
    {
      action = '',
      ...request
    }: {
      method: 'GET' | 'POST' | 'PATCH';
      action?: string;
      query?: Readonly<Record<string, number | undefined>>;
      body?: unknown;
      isSafe?: boolean;
      reads: z.ZodType<T>;
      signal: AbortSignal;
    },
  ): Promise<T> {
    const path = `${this.#path}/${segment(agent.id)}${action}`;
    return this.#upstream.request({ ...request, path, byStatus: aboutAgent(agent) });
  }
}

/** A chat stands once, wherever the server lists it. */
export function flattened(chats: z.output<typeof chatListSchema>): UpstreamChat[] {
  const all = chats.flatMap(({ children, ...chat }) => [chat, ...children]);
  return [...new Map(all.map(chat => [chat.id, chat])).values()];
}
