/** What the fake was asked, as it came. Times are of `performance.now`. */
export interface SeenRequest {
  readonly kind: RequestKind;
  readonly at: number;
  readonly body: unknown;
  /** Undefined while it is not answered, or when its connection was cut. */
  status?: number;
}

export const requestKinds = [
  'createRun',
  'resumeRun',
  'stopRun',
  'getRun',
  'listRuns',
  'getLogs',
  'getLogsOldPath',
  'listRepos',
  'getMe',
  'other',
] as const;
export type RequestKind = (typeof requestKinds)[number];

/** Counts requests by kind and by window. */
export class RequestRecord {
  readonly all: SeenRequest[] = [];

  add(request: SeenRequest): SeenRequest {
    this.all.push(request);
    return request;
  }

  clear(): void {
    this.all.length = 0;
  }

  /** Of all kinds, where none is named. */
  count(...kinds: RequestKind[]): number {
    return this.#of(kinds).length;
  }

  /** Milliseconds between each two requests that followed each other. */
  gaps(...kinds: RequestKind[]): number[] {
    const times = this.#of(kinds).map(({ at }) => at);
    return times.slice(1).map((at, index) => at - (times[index] ?? at));
  }

  /** The most requests that came within any stretch of so many milliseconds. */
  mostWithin(perMs: number, ...kinds: RequestKind[]): number {
    const times = this.#of(kinds).map(({ at }) => at);
    let first = 0;
    let most = 0;
    for (const [last, at] of times.entries()) {
      while (at - (times[first] ?? at) >= perMs) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  /** How many came in the `perMs` milliseconds before `at`. */
  within(perMs: number, at: number): number {
    return this.all.filter(request => request.at > at - perMs && request.at <= at).length;
  }

  #of(kinds: readonly RequestKind[]): SeenRequest[] {
    return kinds.length === 0 ? this.all : this.all.filter(({ kind }) => kinds.includes(kind));
  }
}
