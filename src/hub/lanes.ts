import type { Turn } from '../operations/operation.ts';
import type { Lanes } from './hub.ts';

/** One place. Places of a lane are chained, so that taking one costs the same however long the lane is. */
class Place implements Turn {
  readonly #reached = Promise.withResolvers<void>();
  readonly #left: () => void;
  #isReached = false;
  isDone = false;
  next: Place | undefined;

  constructor(left: () => void) {
    this.#left = left;
  }

  reached(): Promise<void> | undefined {
    return this.#isReached ? undefined : this.#reached.promise;
  }

  done(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#left();
  }

  arrive(): void {
    this.#isReached = true;
    this.#reached.resolve();
  }
}

interface Lane {
  head: Place;
  tail: Place;
}

/**
 * Tickets per key, given out synchronously. A place is reached when every earlier one of its lane is done, in whatever order
 * they finish, so a caller that gives up (`done` without having been reached) holds nobody up. A lane exists only while
 * somebody stands in it.
 */
export class LaneBook implements Lanes {
  readonly #lanes = new Map<string, Lane>();

  take(key: string): Turn {
    const place = new Place(() => this.#advance(key));
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#lanes.set(key, { head: place, tail: place });
      place.arrive();
      return place;
    }
    lane.tail.next = place;
    lane.tail = place;
    return place;
  }

  /** How many lanes have somebody in them. */
  get size(): number {
    return this.#lanes.size;
  }

  #advance(key: string): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    const before = lane.head;
    let head: Place | undefined = before;
    while (head?.isDone) head = head.next;
    if (head === undefined) {
      this.#lanes.delete(key);
      return;
    }
    lane.head = head;
    if (head !== before) head.arrive();
  }
}
