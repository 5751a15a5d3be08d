import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';

export interface FaultReport {
  readonly fault: string;
  readonly expectation: string;
  /** Seconds until each round's workspaces all answered again. */
  readonly recoveries: readonly number[];
  readonly seen: string;
}

export interface RunReport {
  readonly hubs: number;
  readonly workers: number;
  readonly workspaces: number;
  readonly leaseSeconds: number;
  readonly partition: string;
  readonly tasks: number;
  readonly faults: readonly FaultReport[];
}

/** Prints the table of recovery times, and writes it as JSON and Markdown where `path`, without an ending, is given. */
export async function writeReport(report: RunReport, path: string | undefined): Promise<void> {
  const text = asMarkdown(report);
  console.log(text);
  if (!path) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(`${path}.md`, text);
}

function asMarkdown({ faults, ...run }: RunReport): string {
  const seconds = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(2));
  const rows = faults.map(({ fault, expectation, recoveries, seen }) => {
    const sorted = recoveries.toSorted((a, b) => a - b);
    const median = sorted[Math.floor((sorted.length - 1) / 2)];
    return `| ${fault} | ${recoveries.length} | ${seconds(median)} | ${seconds(sorted.at(-1))} | ${expectation} | ${seen} |`;
  });
  return [
    `${run.hubs} hubs, ${run.workers} workers, ${run.workspaces} workspaces with tasks, lease ${run.leaseSeconds} s, on ${cpus().length} cores; ` +
      `${run.tasks} tasks; partition by ${run.partition}.`,
    '',
    '| fault | rounds | all answer again, p50 s | max s | counted from | seen meanwhile |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
