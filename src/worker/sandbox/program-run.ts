import { constants } from 'node:os';
import type { JobOf } from '../../protocol/jobs.ts';
import type { Boxd, RunEnd, RunOptions } from './boxd/boxd.ts';
import type { LimitCounters } from './limit-counters.ts';
import type { JobOutput, JobResult, Stand } from './job-stand.ts';
import { Outputs } from './outputs.ts';
import { redactText } from './redaction.ts';

type ProgramJob = JobOf<'python'> | JobOf<'command'>;
type ProgramEnd = RunEnd & { readonly result?: string };

const EXIT_SIGNAL_BASE = 128;
/** A longer run may have been refused processes without failing. Shorter ones are spared the look at the counters. */
const LONG_RUN_MS = 10;

/** Runs a program to its end, whatever that is; a non-zero exit is a result. Throws when it could not be run. */
export async function runProgram(job: ProgramJob, stand: Stand): Promise<JobResult> {
  const { live, command, secrets, signal, blobs, begun } = stand;
  const outputs = new Outputs(secrets);
  try {
    command.soFar = () => outputs.soFar();
    stand.follow(() => outputs.news());
    const mark = live.egress.mark();
    const running = start(job, { boxd: live.boxd, stand, options: { signal, onOutput: outputs.take } });
    begun();
    const end = await running;
    outputs.end();
    const limit = await limitHit(end, live.counters);
    const denied = live.egress.deniedSince(mark);
    const output: JobOutput = {
      exit_code: exitCodeOf(end),
      signal: end.signal,
      ...outputs.show(),
      timed_out: end.timedOut,
      duration_ms: end.durationMs,
    };
    if (end.outputExceeded) output.truncated = true;
    if (limit !== undefined) output.limit_hit = limit;
    if (denied.length > 0) output.network_denied = denied.map(denial => ({ ...denial }));
    if (end.result !== undefined) output.result = redactText(end.result, secrets);
    const fullOutput = output.truncated ? await outputs.keepWhole(blobs) : {};
    return { output, fullOutput, mayHaveArtifacts: end.mayHaveArtifacts };
  } finally {
    outputs.dispose();
  }
}

/** Sends the request to boxd before it returns. */
function start(
  job: ProgramJob,
  { boxd, stand, options }: { boxd: Boxd; stand: Stand; options: RunOptions },
): Promise<ProgramEnd> {
  const { env, limits } = stand;
  const common = {
    env,
    stdin: job.stdin === undefined ? undefined : Buffer.from(job.stdin),
    timeoutMs: Math.min(job.timeoutSeconds, limits.wall_seconds) * 1000,
    outputBytes: limits.output_mb * 1024 * 1024,
  };
  if (job.kind === 'command') {
    const argv = typeof job.command === 'string' ? ['bash', '-c', job.command] : job.command;
    return boxd.exec({ ...common, argv, cwd: job.cwd }, options);
  }
  const { code = '', file, context, args } = job;
  if (context !== undefined) return boxd.cell({ ...common, context, code }, options);
  return boxd.python({ ...common, source: file === undefined ? { code } : { file }, args }, options);
}

/** Never 0 for what did not exit 0: null where neither a code nor a known signal tells the end. */
function exitCodeOf({ exitCode, signal }: RunEnd): number | null {
  if (exitCode !== null || signal === null) return exitCode;
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
  return number === undefined ? null : EXIT_SIGNAL_BASE + number;
}

/**
 * The limit that stopped the run, or refused it what it asked for. Refused processes count also where the program went on: shells
 * retry, and report nothing. Not looked at for what ended well at once.
 */
async function limitHit(end: RunEnd, counters: LimitCounters): Promise<string | undefined> {
  if (end.outputExceeded) return 'output';
  const isFine = end.exitCode === 0 && !end.timedOut;
  if (isFine && end.durationMs <= LONG_RUN_MS) return undefined;
  const hit = (await counters.hit()) ?? end.limitHit;
  if (hit === 'pids') return hit;
  if (end.timedOut) return 'wall';
  return isFine ? undefined : (hit ?? (end.diskFull ? 'disk' : undefined));
}
