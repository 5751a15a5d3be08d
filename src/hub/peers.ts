import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Closer } from '../fabric/fabric.ts';
import type { JsonObject } from '../store/rows.ts';
import type { Foundation } from './foundation.ts';
import type { Peers } from './hub.ts';

/** Workers may not publish below `w.`, and no worker has an empty name: only hubs speak here, and only hubs hear it. */
const TOPIC = 'w..peers';
/** A hub that is there answers in a moment. One that does not is not waited for again until it is heard. */
const ANSWER_MS = 250;

const messageSchema = z.object({
  from: z.string(),
  kind: z.enum(['hello', 'tell', 'ask', 'answer']),
  /** Of an ask and its answers. */
  ask: z.string().default(''),
  what: z.string().default(''),
  body: z.record(z.string(), z.json()).default({}),
});
type Message = z.output<typeof messageSchema>;

type Listener = (body: JsonObject) => Promise<JsonObject> | Promise<void> | JsonObject | void;

interface Asked {
  readonly waitsFor: Set<string>;
  readonly answers: JsonObject[];
  done(): void;
}

/** The other hubs: what they are told and asked travels over the fabric, at most once, and nothing that must last depends on it. */
export class PeerHubs implements Peers {
  readonly #foundation: Foundation;
  readonly #listeners = new Map<string, Listener>();
  readonly #asked = new Map<string, Asked>();
  /** Those with a lease, as far as is known here. */
  #live = new Set<string>();
  /** Those that did not answer. */
  readonly #silent = new Set<string>();

  constructor(foundation: Foundation) {
    this.#foundation = foundation;
  }

  /** Hears the others from now on, and makes itself known. */
  async start(): Promise<Closer> {
    const { link, background, timing, log } = this.#foundation;
    const close = await link.fabric.subscribe(TOPIC, body => {
      this.#heard(body).catch(error => log.warn({ err: error }, 'a message of another hub could not be served'));
    });
    this.#send({ kind: 'hello' });
    await this.#look();
    background.every((timing.leaseSeconds * 1000) / 2, 'look for other hubs', () => this.#look());
    return close;
  }

  get hasOthers(): boolean {
    return this.#live.size > 0;
  }

  tell(what: string, body: JsonObject): void {
    if (this.hasOthers) this.#send({ kind: 'tell', what, body });
  }

  async ask(what: string, body: JsonObject): Promise<JsonObject[]> {
    const waitsFor = new Set([...this.#live].filter(id => !this.#silent.has(id)));
    if (waitsFor.size === 0) return [];
    const ask = randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    const asked: Asked = { waitsFor, answers: [], done: resolve };
    this.#asked.set(ask, asked);
    const overdue = setTimeout(resolve, ANSWER_MS);
    try {
      this.#send({ kind: 'ask', ask, what, body });
      await promise;
    } finally {
      clearTimeout(overdue);
      this.#asked.delete(ask);
    }
    for (const id of waitsFor) this.#silent.add(id);
    return asked.answers;
  }

  hear(what: string, listener: Listener): void {
    this.#listeners.set(what, listener);
  }

  async #look(): Promise<void> {
    const { store, id } = this.#foundation;
    this.#live = new Set((await store.hubs.live()).filter(other => other !== id));
    for (const other of this.#silent) if (!this.#live.has(other)) this.#silent.delete(other);
  }

  async #heard(bytes: Uint8Array): Promise<void> {
    const message = messageSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    const { from, kind, what, ask } = message;
    if (from === this.#foundation.id) return;
    this.#live.add(from);
    this.#silent.delete(from);
    if (kind === 'answer') return this.#settle(message);
    const answer = await this.#listeners.get(what)?.(message.body);
    if (kind === 'ask') this.#send({ kind: 'answer', ask, what, body: answer ?? {} });
  }

  #settle({ from, ask, body }: Message): void {
    const asked = this.#asked.get(ask);
    if (!asked?.waitsFor.delete(from)) return;
    asked.answers.push(body);
    if (asked.waitsFor.size === 0) asked.done();
  }

  #send(message: Omit<z.input<typeof messageSchema>, 'from'>): void {
    const { link, id } = this.#foundation;
    link.fabric.publish(TOPIC, Buffer.from(JSON.stringify({ from: id, ...message })));
  }
}
