import type { WaitingRecord } from '../store/rows.ts';

/** A worker that takes new workspaces. */
export interface Room {
  readonly worker: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly freeSlots: number;
}

export interface Line {
  /** The oldest first. */
  readonly waiting: readonly WaitingRecord[];
  /** Workspaces that each caller has already. */
  readonly held: ReadonlyMap<string, number>;
}

/** Whether a worker has all labels that are asked for. */
export const hasLabels = (
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean => Object.entries(wanted).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);

/**
 * Who of the line gets a slot now: always the one whose caller has the fewest, of those the oldest. Whoever fits no free slot holds
 * nobody up. Every hub comes to the same answer from the same records, so hubs need not agree about it.
 */
export function whoseTurn(line: Line, rooms: readonly Room[]): Set<string> {
  const left = rooms.map(room => ({ ...room }));
  const share = new Map(line.held);
  const waiting = [...line.waiting];
  const chosen = new Set<string>();
  while (true) {
    const fitting = (request: WaitingRecord) =>
      left.filter(room => room.freeSlots > 0 && hasLabels(room.labels, request.labels));
    let best: number | undefined;
    for (const [at, request] of waiting.entries()) {
      const isBetter = best === undefined || shareOf(share, request) < shareOf(share, waiting[best]);
      if (isBetter && fitting(request).length > 0) best = at;
    }
    if (best === undefined) return chosen;
    const [request] = waiting.splice(best, 1);
    if (request === undefined) return chosen;
    const [room] = fitting(request).sort((a, b) => b.freeSlots - a.freeSlots);
    if (room !== undefined) room.freeSlots -= 1;
    share.set(request.caller, shareOf(share, request) + 1);
    chosen.add(request.id);
  }
}

const shareOf = (share: ReadonlyMap<string, number>, request: WaitingRecord | undefined): number =>
  request === undefined ? Number.POSITIVE_INFINITY : (share.get(request.caller) ?? 0);
