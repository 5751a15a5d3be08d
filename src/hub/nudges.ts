import { z } from 'zod';
import type { Foundation } from './foundation.ts';
import type { Peers } from './hub.ts';

const APPENDED = 'events.appended';
const appendedSchema = z.object({ streams: z.array(z.string()) });

/** Agents that talk append many times a second; what is appended within a moment is told of together. */
const MOMENT_MS = 10;
/** Names of streams in one message, which must stay small. */
const MOST_NAMES = 200;

/** Tells the other hubs that streams have grown, so that their readers need not wait for their next look. */
export class Nudges {
  readonly #background: Foundation['background'];
  readonly #peers: Peers;
  readonly #grown = new Set<string>();
  #isTelling = false;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** `heard`: a stream has grown at another hub. */
  constructor({ background }: Foundation, { peers, heard }: { peers: Peers; heard(stream: string): void }) {
    this.#background = background;
    this.#peers = peers;
    peers.hear(APPENDED, body => {
      for (const stream of appendedSchema.parse(body).streams) heard(stream);
    });
  }

  /** What grows in one turn of the event loop is told of together, and at once unless others were told a moment ago. */
  tell(stream: string): void {
    if (!this.#peers.hasOthers) return;
    this.#grown.add(stream);
    if (this.#isTelling) return;
    this.#isTelling = true;
    const leftMs = this.#toldAt + MOMENT_MS - performance.now();
    if (leftMs > 0) setTimeout(() => this.#tell(), leftMs).unref();
    else setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#isTelling = false;
    this.#toldAt = performance.now();
    if (this.#background.signal.aborted) return;
    this.#background.run('tell other hubs what was appended', async () => this.#send());
  }

  #send(): void {
    const streams = [...this.#grown];
    this.#grown.clear();
    for (let at = 0; at < streams.length; at += MOST_NAMES)
      this.#peers.tell(APPENDED, { streams: streams.slice(at, at + MOST_NAMES) });
  }
}
