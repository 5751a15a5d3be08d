import type { RunningServer } from '../../test/support/server.ts';

/** Bounds of value / baselineValue; or of value - baselineValue, in the same unit. */
export type Budget = { readonly atMost: number } | { readonly atLeast: number } | { readonly atMostMore: number };

/** One figure with what it is compared to, both of the same run. */
export interface Measurement {
  readonly name: string;
  readonly baseline: string;
  readonly unit: string;
  readonly value: number;
  readonly baselineValue: number;
  readonly ratio: number;
  readonly budget: Budget;
  readonly isMet: boolean;
}

export interface Bench {
  readonly name: string;
  run(server: RunningServer): Promise<Measurement[]>;
}

type Figures = Omit<Measurement, 'ratio' | 'isMet'>;

export function measurement(figures: Figures): Measurement {
  return { ...figures, ratio: figures.value / figures.baselineValue, isMet: isMet(figures) };
}

function isMet({ value, baselineValue, budget }: Figures): boolean {
  if ('atMostMore' in budget) return value - baselineValue <= budget.atMostMore;
  const ratio = value / baselineValue;
  return 'atMost' in budget ? ratio <= budget.atMost : ratio >= budget.atLeast;
}

function budgetText({ unit, budget }: Measurement): string {
  if ('atMostMore' in budget) return `≤ +${budget.atMostMore} ${unit}`;
  return 'atMost' in budget ? `≤ ${budget.atMost}×` : `≥ ${budget.atLeast}×`;
}

/** What the budget is about. */
function relationText({ unit, budget, ratio, value, baselineValue }: Measurement): string {
  if (!('atMostMore' in budget)) return `${ratio.toFixed(3)}×`;
  const more = value - baselineValue;
  return `${more < 0 ? '' : '+'}${more.toFixed(2)} ${unit}`;
}

export function asTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(one => [
    one.name,
    `${one.value.toFixed(2)} ${one.unit}`,
    `${one.baselineValue.toFixed(2)} ${one.unit}`,
    one.baseline,
    relationText(one),
    budgetText(one),
    one.isMet ? 'met' : 'MISSED',
  ]);
  const all = [['what', 'measured', 'baseline', 'baseline is', 'ratio', 'budget', ''], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0))) ?? [];
  return all
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
