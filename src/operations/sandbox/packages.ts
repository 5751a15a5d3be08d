import { z } from 'zod';
import { MAX_PACKAGES, type PackageManager, parsePackageNames } from '../../protocol/package-names.ts';
import { defineOperation } from '../define.ts';
import { wait, ws } from './inputs.ts';
import { packagesOutput } from './outputs.ts';
import { runJob } from './run-job.ts';

const TIMEOUT_SECONDS = 300;

export const pkgInstall = defineOperation({
  name: 'pkg_install',
  aliases: ['pkg.install'],
  toolset: 'sandbox',
  title: 'Install packages',
  description: 'Install Python (pip) or Node (npm) packages. Makes a workspace if none is given; it lives 1 h unused.',
  input: z.strictObject({
    ...ws,
    packages: z
      .union([z.string(), z.array(z.string()).min(1).max(MAX_PACKAGES)], {
        error: `must be a string or a list of 1 to ${MAX_PACKAGES} package names`,
      })
      .describe(`1 to ${MAX_PACKAGES} names, with versions if wanted: requests==2.32.3`),
    manager: z.enum(['python', 'node']).default('python').describe('pip or npm'),
    upgrade: z.boolean().default(false).describe('newest versions, also of what is installed'),
    no_deps: z.boolean().default(false).describe('without what the packages need'),
    index_url: z.string().min(1).max(2048).optional().describe('package index, one that the operator allows'),
    ...wait(TIMEOUT_SECONDS),
  }),
  argumentAliases: { requirements: 'packages' },
  output: packagesOutput,
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  scope: 'sandbox:write',
  ordered: true,
  core: true,
  cli: {
    words: ['sandbox', 'install'],
    positional: 'packages',
    variadic: true,
    examples: ['boxswain sandbox install --workspace ID requests', 'boxswain sandbox install --manager node left-pad'],
  },
  run(input, context) {
    const packages = namesIn(input.packages, input.manager);
    return runJob(
      {
        operation: 'pkg_install',
        input,
        mayCreate: true,
        usualTimeoutSeconds: TIMEOUT_SECONDS,
        render: 'packages',
        output: packagesOutput,
        job: timeoutSeconds => ({
          kind: 'packages',
          manager: input.manager,
          packages,
          upgrade: input.upgrade,
          noDeps: input.no_deps,
          indexUrl: input.index_url,
          timeoutSeconds,
        }),
      },
      context,
    );
  },
});

/** Names in a string stand between white space, as on a command line. Checked here, before a workspace is made for the call. */
function namesIn(packages: string | string[], manager: PackageManager): string[] {
  const names = typeof packages === 'string' ? packages.split(/\s+/).filter(name => name !== '') : packages;
  return parsePackageNames(manager, names).map(({ text }) => text);
}
