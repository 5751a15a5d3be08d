import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of this process, in the form Prometheus scrapes. One registry of our own, so nothing else can add to it. */
const registry = new Registry();

const calls = new Counter({
  name: 'boxswain_operation_calls_total',
  help: 'Calls of an operation, failed ones included',
  labelNames: ['operation'],
  registers: [registry],
});
const errors = new Counter({
  name: 'boxswain_operation_errors_total',
  help: 'Calls of an operation that failed, by error code',
  labelNames: ['operation', 'code'],
  registers: [registry],
});
const durations = new Histogram({
  name: 'boxswain_operation_duration_seconds',
  help: 'Time from acceptance of a call to its answer',
  labelNames: ['operation'],
  buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 45, 300],
  registers: [registry],
});

/** Counts the calls of one operation. Made once per operation: looking labels up is most of the cost of counting. */
export interface CallMeter {
  /** `outcome` is `ok` or an error code. */
  count(outcome: string, durationMs: number): void;
}

/** Counts the calls of one operation; made once for each, since looking up labels costs more than counting. */
export function createCallMeter(operation: string): CallMeter {
  const called = calls.labels(operation);
  const lasted = durations.labels(operation);
  return {
    count(outcome, durationMs) {
      called.inc();
      lasted.observe(durationMs / 1000);
      if (outcome !== 'ok') errors.inc({ operation, code: outcome });
    },
  };
}

interface CallCounts {
  readonly operation: string;
  readonly calls: number;
  readonly errors: number;
  /** Of all calls together. */
  readonly totalSeconds: number;
}

/** What the operations that were called have been called since this process started. */
export async function callCounts(): Promise<CallCounts[]> {
  const named = (labels: { operation?: string | number }) => String(labels.operation ?? '');
  const failed = new Map<string, number>();
  for (const { labels, value } of (await errors.get()).values)
    failed.set(named(labels), (failed.get(named(labels)) ?? 0) + value);
  const lasted = new Map<string, number>();
  for (const { labels, value, metricName } of (await durations.get()).values)
    if (metricName?.endsWith('_sum')) lasted.set(named(labels), value);
  return (await calls.get()).values.map(({ labels, value }) => ({
    operation: named(labels),
    calls: value,
    errors: failed.get(named(labels)) ?? 0,
    totalSeconds: lasted.get(named(labels)) ?? 0,
  }));
}

/**
 * Adds a gauge whose value is read when the metrics are asked for. A later gauge of the same name replaces the earlier one.
 * Names follow Prometheus: `boxswain_workspaces`, units in the name.
 */
export function addGauge(name: string, help: string, read: () => number | Promise<number>): void {
  registry.removeSingleMetric(name);
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      this.set(await read());
    },
  });
}

/** As `addGauge`, for values of one label each: `boxswain_tasks{status="queued"}`. */
export function addGaugeOf(
  name: string,
  help: string,
  { label, read }: { label: string; read: () => Promise<Readonly<Record<string, number>>> },
): void {
  registry.removeSingleMetric(name);
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    async collect() {
      const values = Object.entries(await read());
      this.reset();
      for (const [key, value] of values) this.set({ [label]: key }, value);
    },
  });
}

const boxStarts = new Counter({
  name: 'boxswain_box_starts_total',
  help: 'Boxes that were asked for by work in a workspace, by outcome: ok, or failed',
  labelNames: ['outcome'],
  registers: [registry],
});
const boxStartSeconds = new Histogram({
  name: 'boxswain_box_start_seconds',
  help: 'Time until a box was ready for use, a warm one included',
  buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 1, 5, 30],
  registers: [registry],
});

/** A box that work had asked for was made, or could not be. */
export function countBoxStart(outcome: 'ok' | 'failed', durationMs: number): void {
  boxStarts.inc({ outcome });
  boxStartSeconds.observe(durationMs / 1000);
}

const checkpointBytes = new Counter({
  name: 'boxswain_checkpoint_bytes_total',
  help: 'Bytes of contents that checkpoints stored anew; what an earlier checkpoint had is not among them',
  registers: [registry],
});

export const countCheckpointBytes = (sizeBytes: number): void => checkpointBytes.inc(sizeBytes);

const tasksEnded = new Counter({
  name: 'boxswain_tasks_ended_total',
  help: 'Tasks that ended, by status',
  labelNames: ['status'],
  registers: [registry],
});

export const countTaskEnd = (status: string): void => tasksEnded.inc({ status });

/** The text that `/metrics` answers with, and its content type. */
export async function renderMetrics(): Promise<{ contentType: string; body: string }> {
  return { contentType: registry.contentType, body: await registry.metrics() };
}
