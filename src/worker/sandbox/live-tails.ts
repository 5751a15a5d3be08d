import type { Blobs } from '../../blobs/blobs.ts';
import type { Fabric } from '../../fabric/fabric.ts';
import type { Log } from '../../log/log.ts';
import { encodeMessage } from '../../protocol/envelope.ts';
import type { RunTail } from '../../protocol/messages.ts';

const PUBLISH_EVERY_MS = 250;

/** What is new of a command since it was last asked; undefined when nothing is. */
export type WhatIsNew = () => Omit<RunTail, 'commandId'> | undefined;

/** Publishes what running commands put out. One ticking clock for all of them, so that a short run costs no timer. */
export class LiveTails {
  readonly #options: { fabric: Fabric; blobs: Blobs; worker: string; log: Log };
  readonly #followed = new Map<string, WhatIsNew>();
  readonly #clock: NodeJS.Timeout;

  constructor(options: { fabric: Fabric; blobs: Blobs; worker: string; log: Log }) {
    this.#options = options;
    this.#clock = setInterval(() => this.#publishAll(), PUBLISH_EVERY_MS);
    this.#clock.unref();
  }

  follow(commandId: string, whatIsNew: WhatIsNew): void {
    this.#followed.set(commandId, whatIsNew);
  }

  unfollow(commandId: string): void {
    this.#followed.delete(commandId);
  }

  close(): void {
    clearInterval(this.#clock);
    this.#followed.clear();
  }

  #publishAll(): void {
    for (const [commandId, whatIsNew] of this.#followed) {
      const news = whatIsNew();
      if (news !== undefined) void this.#publish({ commandId, ...news });
    }
  }

  async #publish(tail: RunTail): Promise<void> {
    const { fabric, blobs, worker, log } = this.#options;
    try {
      fabric.publish(`t.${worker}.task:${tail.commandId}`, await encodeMessage(tail, blobs));
    } catch (error) {
      log.debug({ error }, 'a live tail was not published');
    }
  }
}
