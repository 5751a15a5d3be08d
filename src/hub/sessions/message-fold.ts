import { type Message, messageSchema, type Part, partSchema } from '../../protocol/sessions.ts';
import type { EventRecord } from '../../store/rows.ts';

/** Makes messages of events. Events are upserts by id, so hearing one twice does no harm. */
export class MessageFold {
  readonly #messages = new Map<string, Message>();

  get messages(): Message[] {
    return [...this.#messages.values()];
  }

  apply({ type, body }: EventRecord): void {
    if (type === 'message.created') {
      const message = messageSchema.safeParse(body.message);
      if (message.success) this.#put(message.data);
    } else if (type === 'message.part.updated') {
      const part = partSchema.safeParse(body.part);
      if (part.success) this.#change(part.data.messageId, parts => upserted(parts, part.data));
    } else if (type === 'message.part.delta') {
      const { messageId, partId, delta } = body;
      if (typeof messageId !== 'string' || typeof delta !== 'string') return;
      this.#change(messageId, parts => parts.map(part => (part.id === partId ? grown(part, delta) : part)));
    }
  }

  #put(message: Message): void {
    const known = this.#messages.get(message.id);
    const parts = message.parts.reduce(upserted, known?.parts ?? []);
    this.#messages.set(message.id, { ...known, ...message, parts });
  }

  #change(id: string, change: (parts: Part[]) => Part[]): void {
    const message = this.#messages.get(id);
    if (message !== undefined) this.#messages.set(id, { ...message, parts: change(message.parts) });
  }
}

function upserted(parts: Part[], part: Part): Part[] {
  const at = parts.findIndex(({ id }) => id === part.id);
  return at < 0 ? [...parts, part] : parts.with(at, part);
}

const grown = (part: Part, delta: string): Part =>
  part.type === 'text' || part.type === 'thinking' ? { ...part, text: part.text + delta } : part;
