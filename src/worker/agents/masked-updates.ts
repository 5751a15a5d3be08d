import type { Message, Part } from '../../protocol/sessions.ts';
import { redactObject, redactText, type Secret, TextRedactor } from '../sandbox/redaction.ts';
import type { AgentUpdate, PermissionQuestion } from './driver.ts';

/**
 * What an agent in a box says, without the secrets that its workspace has given it. A secret that is streamed is masked in whatever
 * pieces it comes: what may be the beginning of one is held back until more is known, at the latest until its part is whole.
 */
export class MaskedUpdates {
  readonly #secretsNow: () => readonly Secret[];
  /** Of the parts that are being streamed. */
  readonly #streamed = new Map<string, TextRedactor>();

  /** `secrets`: those that are known by now; runs beside the agent may bring others. */
  constructor(secrets: () => readonly Secret[]) {
    this.#secretsNow = secrets;
  }

  get #secrets(): readonly Secret[] {
    return this.#secretsNow();
  }

  of(update: AgentUpdate): AgentUpdate[] {
    if (this.#secrets.length === 0) return [update];
    switch (update.kind) {
      case 'message':
        return [{ ...update, message: this.#message(update.message) }];
      case 'part': {
        const { messageId, id: partId } = update.part;
        return [...this.#rest({ messageId, partId }), { ...update, part: this.#part(update.part) }];
      }
      case 'delta': {
        const delta = this.#redactorOf(update.partId).push(update.delta);
        return delta === '' ? [] : [{ ...update, delta }];
      }
      case 'part_completed':
        return [...this.#rest(update), update];
      case 'subagent':
        return [{ ...update, description: this.text(update.description) }];
      case 'title':
        return [{ ...update, title: this.text(update.title) }];
      default:
        return [update];
    }
  }

  question(question: PermissionQuestion): PermissionQuestion {
    const { description, input } = question;
    return { ...question, description: this.text(description), input: redactObject(input, this.#secrets) };
  }

  text(text: string): string {
    return redactText(text, this.#secrets);
  }

  #redactorOf(partId: string): TextRedactor {
    const known = this.#streamed.get(partId) ?? new TextRedactor(this.#secrets);
    this.#streamed.set(partId, known);
    return known;
  }

  /** What was held back of a part that is whole now. */
  #rest({ messageId, partId }: { messageId: string; partId: string }): AgentUpdate[] {
    const delta = this.#streamed.get(partId)?.flush() ?? '';
    this.#streamed.delete(partId);
    return delta === '' ? [] : [{ kind: 'delta', messageId, partId, delta }];
  }

  #message(message: Message): Message {
    return { ...message, parts: message.parts.map(part => this.#part(part)) };
  }

  #part(part: Part): Part {
    switch (part.type) {
      case 'text':
      case 'thinking':
        return { ...part, text: this.text(part.text) };
      case 'tool_use': {
        const { resultText } = part;
        const input = redactObject(part.input, this.#secrets);
        return { ...part, input, ...(resultText !== undefined && { resultText: this.text(resultText) }) };
      }
      case 'tool_result':
        return { ...part, content: this.text(part.content) };
      case 'system':
        return { ...part, data: redactObject(part.data, this.#secrets) };
      case 'result':
        return part;
    }
  }
}
