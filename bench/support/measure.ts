import type { RunningServer } from '../../test/support/server.ts';

/** One figure with what it is compared to, both of the same run. */
export interface Measurement {
  readonly name: string;
  readonly baseline: string;
  readonly unit: string;
  readonly value: number;
  readonly baselineValue: number;
  /** value / baselineValue, or for throughput the same. */
  readonly ratio: number;
  readonly budget: { readonly atMost: number } | { readonly atLeast: number };
  readonly isMet: boolean;
}

export interface Bench {
  readonly name: string;
  run(server: RunningServer): Promise<Measurement[]>;
}

type Figures = Omit<Measurement, 'ratio' | 'isMet'>;

export function measurement(figures: Figures): Measurement {
  const ratio = figures.value / figures.baselineValue;
  const { budget } = figures;
  return { ...figures, ratio, isMet: 'atMost' in budget ? ratio <= budget.atMost : ratio >= budget.atLeast };
}

export function asTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ name, value, unit, baselineValue, baseline, ratio, budget, isMet }) => [
    name,
    `${value.toFixed(2)} ${unit}`,
    `${baselineValue.toFixed(2)} ${unit}`,
    baseline,
    `${ratio.toFixed(3)}×`,
    'atMost' in budget ? `≤ ${budget.atMost}×` : `≥ ${budget.atLeast}×`,
    isMet ? 'met' : 'MISSED',
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
