import type { JobResult, Stand } from './job-stand.ts';
import type { BoxJob } from './job-runner.ts';
import { redactObject } from './redaction.ts';
import { cloneRepository, commitChanges } from './tools/git.ts';
import { runLint } from './tools/lint.ts';
import { installPackages } from './tools/packages.ts';
import { runTests } from './tools/tests.ts';
import type { ToolBox, ToolOutput, ToolProgress } from './tools/toolbox.ts';

export type ToolJob = Exclude<BoxJob, { kind: 'python' | 'command' | 'checkpoint' }>;

/** Runs package managers, tests, linters and git in the box. Throws what the tools find wrong. */
export function runTool(job: ToolJob, stand: Stand): Promise<JobResult> {
  switch (job.kind) {
    case 'packages':
      return withTools(stand, box => installPackages(job, box));
    case 'test':
      return withTools(stand, box => runTests(job, box), stand.env);
    case 'lint':
      return withTools(stand, box => runLint(job, box), stand.env);
    case 'git_clone':
      return withTools(stand, box => cloneRepository(job, box));
    case 'git_commit':
      return withTools(stand, box => commitChanges(job, box));
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
