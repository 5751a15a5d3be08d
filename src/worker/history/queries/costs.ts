import { numberOf, parseObject } from '../readers/fields.ts';

/** A running total as a session's transcript had it at the end of a day. */
export interface TotalRow {
  readonly session: number;
  readonly family: number;
  readonly startTime: number;
  /** Days since 1970, in UTC. */
  readonly day: number;
  readonly cost: number;
  readonly input: number;
  readonly output: number;
  /** JSON: cost by model. */
  readonly models: string;
}

/** What a session spent by itself. */
export interface CostShare {
  readonly session: number;
  readonly cost: number;
  readonly input: number;
  readonly output: number;
  readonly byDay: ReadonlyMap<number, number>;
  readonly byModel: ReadonlyMap<string, number>;
}

/**
 * Takes the running totals of Claude Code apart. Totals with one start time are one series: within a session the last counts, and
 * within a family of forks a session's total holds what it inherited, so that each adds what it has beyond the next smaller one. Start
 * times that different families have in common mean nothing. Exact for one fork; several forks of one session share what they spent
 * after it as far as their totals tell, which may be too little.
 */
export function costShares(rows: readonly TotalRow[]): Map<number, CostShare> {
  const series = Map.groupBy(rows, row => `${row.family} ${row.startTime}`);
  const shares = new Map<number, CostShare>();
  for (const group of series.values()) {
    const sessions = [...Map.groupBy(group, row => row.session).values()]
      .map(days => days.toSorted((a, b) => a.day - b.day))
      .sort((a, b) => lastCost(a) - lastCost(b));
    let inherited: TotalRow | undefined;
    for (const days of sessions) {
      addShare(shares, { days, inherited });
      inherited = days.at(-1) ?? inherited;
    }
  }
  return shares;
}

const lastCost = (days: readonly TotalRow[]): number => days.at(-1)?.cost ?? 0;

function addShare(
  shares: Map<number, CostShare>,
  { days, inherited }: { days: readonly TotalRow[]; inherited: TotalRow | undefined },
): void {
  const last = days.at(-1);
  if (last === undefined) return;
  const known = shares.get(last.session);
  const byDay = new Map(known?.byDay);
  let before = inherited?.cost ?? 0;
  for (const { day, cost } of days) {
    byDay.set(day, (byDay.get(day) ?? 0) + Math.max(0, cost - before));
    before = Math.max(before, cost);
  }
  const byModel = new Map(known?.byModel);
  const inheritedModels = inherited === undefined ? {} : modelsOf(inherited);
  for (const [model, cost] of Object.entries(modelsOf(last))) {
    byModel.set(model, (byModel.get(model) ?? 0) + Math.max(0, cost - (inheritedModels[model] ?? 0)));
  }
  shares.set(last.session, {
    session: last.session,
    cost: (known?.cost ?? 0) + Math.max(0, last.cost - (inherited?.cost ?? 0)),
    input: (known?.input ?? 0) + Math.max(0, last.input - (inherited?.input ?? 0)),
    output: (known?.output ?? 0) + Math.max(0, last.output - (inherited?.output ?? 0)),
    byDay,
    byModel,
  });
}

function modelsOf(row: TotalRow): Record<string, number> {
  const models = Object.entries(parseObject(row.models) ?? {});
  return Object.fromEntries(models.map(([model, cost]) => [model, numberOf(cost)]));
}
