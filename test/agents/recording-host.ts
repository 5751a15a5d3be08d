import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Message, Part } from '../../src/protocol/sessions.ts';
import type { AgentUpdate, DriverHost, PermissionAnswer, PermissionQuestion } from '../../src/worker/agents/driver.ts';

/** Agents are slow on a busy machine, but not that slow. */
const PATIENCE_MS = 60_000;

type Answerer = (question: PermissionQuestion, signal: AbortSignal) => PermissionAnswer | Promise<PermissionAnswer>;

/** A host that remembers everything, and answers questions as a test says. */
export class RecordingHost implements DriverHost {
  readonly updates: AgentUpdate[] = [];
  readonly questions: PermissionQuestion[] = [];
  readonly pids: number[] = [];
  answer: Answerer = () => assert.fail('nobody said what to answer');
  #waiting: { holds: () => boolean; done: () => void }[] = [];

  emit(update: AgentUpdate): void {
    this.updates.push(update);
    this.#look();
  }

  async ask(question: PermissionQuestion, signal: AbortSignal): Promise<PermissionAnswer> {
    this.questions.push(question);
    this.#look();
    const gone = new Promise<PermissionAnswer>(resolve => {
      const cancelled = () => resolve({ behavior: 'cancelled' });
      signal.addEventListener('abort', cancelled, { once: true });
      if (signal.aborted) cancelled();
    });
    return await Promise.race([gone, this.answer(question, signal)]);
  }

  async spawned({ pid }: { readonly pid: number }): Promise<void> {
    this.pids.push(pid);
  }

  /** Settles as soon as it holds after an update or a question. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    const late = new AbortController();
    const held = new Promise<void>(done => this.#waiting.push({ holds, done }));
    const never = delay(PATIENCE_MS, 'late', { signal: late.signal }).catch(() => 'held');
    if ((await Promise.race([held, never])) === 'late') assert.fail(`did not happen: ${holds}`);
    late.abort();
  }

  #look(): void {
    const due = this.#waiting.filter(({ holds }) => holds());
    this.#waiting = this.#waiting.filter(({ holds }) => !holds());
    for (const { done } of due) done();
  }

  /** The conversation as the updates build it up, each text proved to be what its deltas add up to. */
  messages(): Message[] {
    const messages = new Map<string, Message>();
    const parts = new Map<string, Part>();
    const streamed = new Map<string, string>();
    for (const update of this.updates) {
      if (update.kind === 'message') {
        messages.set(update.message.id, { ...update.message, parts: [] });
        for (const part of update.message.parts) parts.set(part.id, part);
      }
      if (update.kind === 'part') parts.set(update.part.id, update.part);
      if (update.kind === 'delta') {
        assert.ok(messages.has(update.messageId), 'a delta of a message that nobody told of');
        assert.ok(parts.has(update.partId), 'a delta of a part that nobody told of');
        streamed.set(update.partId, (streamed.get(update.partId) ?? '') + update.delta);
      }
    }
    for (const part of parts.values()) {
      messages.get(part.messageId)?.parts.push(part);
      assert.ok(messages.has(part.messageId), `a part of a message that nobody told of: ${JSON.stringify(part)}`);
      const said = streamed.get(part.id);
      if (said !== undefined && 'text' in part) assert.equal(part.text, said, 'the deltas are not the text');
    }
    return [...messages.values()];
  }

  parts(): Part[] {
    return this.messages().flatMap(({ parts }) => parts);
  }

  /** All that the agent said, since a point in the updates. */
  said(since = 0): string {
    const before = new Set(this.updates.slice(0, since).flatMap(update => ('part' in update ? [update.part.id] : [])));
    return this.messages()
      .filter(({ role }) => role === 'assistant')
      .flatMap(({ parts }) => parts.flatMap(part => (part.type === 'text' && !before.has(part.id) ? [part.text] : [])))
      .join('\n');
  }

  hasHeard(text: string): boolean {
    return this.updates.some(update => update.kind === 'delta' && update.delta.includes(text));
  }
}
