import type { Job } from '../../protocol/jobs.ts';
import type { JobResult, Stand } from './job-stand.ts';
import { runProgram } from './program-run.ts';
import { redactObject } from './redaction.ts';
import { takeCheckpoint } from './checkpoints.ts';
import { cloneRepository, commitChanges } from './tools/git.ts';
import { runLint } from './tools/lint.ts';
import { installPackages } from './tools/packages.ts';
import { runTests } from './tools/tests.ts';
import type { ToolBox, ToolOutput, ToolProgress } from './tools/toolbox.ts';

/** What runs in a box that is there already; a restore begins with a new one. */
export type BoxJob = Exclude<Job, { kind: 'restore' }>;

/** Runs a job in the box. Throws AppError, the signal's reason, and BoxdGone. */
export async function runJob(job: BoxJob, stand: Stand): Promise<JobResult> {
  switch (job.kind) {
    case 'python':
    case 'command':
      return await runProgram(job, stand);
    case 'packages':
      return await withTools(stand, box => installPackages(job, box));
    case 'test':
      return await withTools(stand, box => runTests(job, box), stand.env);
    case 'lint':
      return await withTools(stand, box => runLint(job, box), stand.env);
    case 'git_clone':
      return await withTools(stand, box => cloneRepository(job, box));
    case 'git_commit':
      return await withTools(stand, box => commitChanges(job, box));
    case 'checkpoint': {
      const { live, blobs } = stand;
      const output = await takeCheckpoint({ parent: job.parent, boxd: live.boxd, blobs });
      return { output: { ...output }, fullOutput: {} };
    }
  }
}

/** `env` are the workspace's variables, for tools that run its code; package managers and git get none of them. */
async function withTools(
  stand: Stand,
  run: (box: ToolBox) => Promise<ToolOutput>,
  env: Stand['env'] = {},
): Promise<JobResult> {
  const { live, config, limits, signal, secrets } = stand;
  let progress: ToolProgress | undefined;
  stand.follow(() => {
    const news = progress;
    progress = undefined;
    return news;
  });
  const output = await run({
    boxd: {
      exec(request, options) {
        const running = live.boxd.exec({ ...request, env: { ...env, ...request.env } }, options);
        stand.begun();
        return running;
      },
    },
    config,
    egress: live.egress,
    outputBytes: limits.output_mb * 1024 * 1024,
    signal,
    report(news) {
      progress = news;
    },
  });
  return { output: redactObject(output, secrets), fullOutput: {} };
}
