import type { Job } from '../../protocol/jobs.ts';
import { traced } from '../../telemetry/tracing.ts';
import { takeCheckpoint } from './checkpoints.ts';
import type { JobResult, Stand } from './job-stand.ts';
import { runProgram } from './program-run.ts';
import { runTool } from './tool-jobs.ts';

/** What runs in a box that is there already; a restore begins with a new one. */
export type BoxJob = Exclude<Job, { kind: 'restore' }>;

/** Runs a job in the box. Throws AppError, the signal's reason, and BoxdGone. */
export function runJob(job: BoxJob, stand: Stand): Promise<JobResult> {
  return traced(`boxd ${job.kind}`, () => runNow(job, stand));
}

async function runNow(job: BoxJob, stand: Stand): Promise<JobResult> {
  switch (job.kind) {
    case 'python':
    case 'command':
      return await runProgram(job, stand);
    case 'checkpoint': {
      const { live, blobs } = stand;
      const output = await takeCheckpoint({ parent: job.parent, boxd: live.boxd, blobs });
      return { output: { ...output }, fullOutput: {} };
    }
    default:
      return await runTool(job, stand);
  }
}
