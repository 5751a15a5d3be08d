import { z } from 'zod';
import { AppError } from '../../../errors/app-error.ts';
import { hostText, operatorRule, ruleOfUrl } from '../../../protocol/host-rules.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { chooseIndex, type PackageName, parsePackageNames } from '../../../protocol/package-names.ts';
import type { Denial } from '../egress/denials.ts';
import { diskFull, errorLine, exitCodeOf, isDiskFull, type ProgramEnd, Programs, script } from './programs.ts';
import { PROXY_ENV, PROXY_URL } from './proxy-env.ts';
import type { ToolBox, ToolOutput } from './toolbox.ts';

type PackagesJob = JobOf<'packages'>;

const packagesScript = script('packages.py');
const TEMPORARY = '/env/tmp';
/** Node does not read the system's authorities by itself; an operator's own may be among them. */
const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const packageSchema = z.object({
  name: z.string().min(1).max(300),
  version: z.string().min(1).max(300),
  location: z.string().max(4096),
});
const answerSchema = z.object({
  hasManager: z.boolean(),
  packages: z.array(packageSchema).max(2000),
  /** In the order of the request; null for what is not there in the version asked for. */
  requested: z.array(packageSchema.nullable()).max(50),
});
type Answer = z.output<typeof answerSchema>;

/**
 * Installs packages into the workspace's own `/env`, from a configured index, through the proxy. Scripts of packages run: they are
 * in the box like all other code. Throws VALIDATION_ERROR, INDEX_NOT_ALLOWED, TOOL_NOT_INSTALLED, DISK_FULL, and
 * PACKAGE_INSTALL_FAILED with `installed`, `failed`, `exit_code` and `output`.
 */
export async function installPackages(job: PackagesJob, box: ToolBox): Promise<ToolOutput> {
  const { manager } = job;
  const names = parsePackageNames(manager, job.packages);
  if (manager === 'node' && job.noDeps) {
    throw new AppError('VALIDATION_ERROR', 'argument "no_deps" is for manager "python" only', {
      hint: 'leave no_deps out: npm has no such mode',
    });
  }
  const index = chooseIndex(job, box.config);
  const programs = new Programs(box, job);
  box.report({ stage: 'preparing' });
  const before = await programs.ask(packagesScript, ['prepare', manager], answerSchema);
  if (!before.hasManager) throw notInstalled(manager);
  using _opened = box.egress.allow([ruleOfUrl(index), ...box.config.network.registries.map(operatorRule)]);
  const mark = box.egress.mark();
  box.report({ stage: 'installing', message: names.map(({ name }) => name).join(', ') });
  const end = await programs.run(manager === 'python' ? pip(job, names, index) : npm(job, names, index));
  const pairs = names.map(({ text, name }) => JSON.stringify([text, name]));
  // With time of its own: what was installed is to be told even when the time is over.
  const looking = new Programs(box, { timeoutSeconds: 30 });
  const after = await looking.ask(packagesScript, ['inspect', manager, ...pairs], answerSchema);
  const result = {
    installed: installedNow({ before, after }),
    failed: failedOf({ names, after, end }),
    output: end.output,
    exit_code: exitCodeOf(end),
  };
  if (end.exitCode === 0 && result.failed.length === 0) return result;
  throw installFailed({ end, result, denied: box.egress.deniedSince(mark), timeoutSeconds: job.timeoutSeconds });
}

function pip(job: PackagesJob, names: readonly PackageName[], index: URL) {
  const flags = ['--disable-pip-version-check', '--no-input', '--no-cache-dir', '--progress-bar', 'off'];
  // Neither the workspace's files nor its variables configure pip: the index was chosen above.
  const argv = ['/usr/bin/python3', '-I', '-m', 'pip', '--isolated', '--python', '/env/python/bin/python', 'install'];
  argv.push(...flags, '--no-warn-script-location', '--retries', '2', '--proxy', PROXY_URL, '--index-url', index.href);
  if (index.protocol === 'http:') argv.push('--trusted-host', index.host);
  if (job.upgrade) argv.push('--upgrade');
  if (job.noDeps) argv.push('--no-deps');
  return { argv: [...argv, '--', ...names.map(({ text }) => text)], env: { ...PROXY_ENV, TMPDIR: TEMPORARY } };
}

function npm(job: PackagesJob, names: readonly PackageName[], index: URL) {
  const flags = ['--no-audit', '--no-fund', '--no-update-notifier', '--no-progress', '--fetch-retries=1'];
  const places = ['--prefix', '/env/node', '--cache', `${TEMPORARY}/npm`, '--registry', index.href];
  const proxies = ['--proxy', PROXY_URL, '--https-proxy', PROXY_URL, '--noproxy', ''];
  const wanted = names.map(({ text, name }) => (job.upgrade && text === name ? `${name}@latest` : text));
  // Files that are not there: npm refuses the same one twice.
  const env = { npm_config_userconfig: `${TEMPORARY}/user`, npm_config_globalconfig: `${TEMPORARY}/global` };
  const argv = ['npm', 'install', ...flags, ...places, ...proxies, '--', ...wanted];
  return { argv, env: { ...PROXY_ENV, ...env, TMPDIR: TEMPORARY, NODE_EXTRA_CA_CERTS: SYSTEM_CERTIFICATES } };
}

/** What was asked for and is there, then what came with it. */
function installedNow({ before, after }: { before: Answer; after: Answer }) {
  const old = new Set(before.packages.map(({ name, version }) => `${name} ${version}`));
  const fresh = after.packages.filter(({ name, version }) => !old.has(`${name} ${version}`));
  const all = [...after.requested.flatMap(found => found ?? []), ...fresh];
  return [...new Map(all.map(found => [found.name, found])).values()];
}

/** pip and npm install all or nothing: when they failed with everything there, none is what was asked for. */
function failedOf({ names, after, end }: { names: PackageName[]; after: Answer; end: ProgramEnd }): string[] {
  const missing = names.filter((_, at) => !after.requested[at]).map(({ text }) => text);
  return missing.length === 0 && end.exitCode !== 0 ? names.map(({ text }) => text) : missing;
}

interface Failure {
  readonly end: ProgramEnd;
  readonly result: { installed: object[]; failed: string[]; output: string; exit_code: number | null };
  readonly denied: readonly Denial[];
  readonly timeoutSeconds: number;
}

function installFailed({ end, result, denied, timeoutSeconds }: Failure): AppError {
  const details = { ...result, network_denied: denied };
  if (isDiskFull(end)) return diskFull(details);
  if (end.timedOut) {
    return new AppError('PACKAGE_INSTALL_FAILED', `installing did not end within ${timeoutSeconds} s`, {
      hint: 'call again with a larger timeout_seconds',
      details: { ...details, timed_out: true },
    });
  }
  const [first] = denied;
  const message = npmError(result.output) ?? errorLine(result.output);
  if (first === undefined) return new AppError('PACKAGE_INSTALL_FAILED', message, { details });
  const refused = `host ${hostText(first)} was refused: it ${first.reason}`;
  return new AppError('PACKAGE_INSTALL_FAILED', `${message}; ${refused}`, {
    hint: 'ask the operator to add the host to sandbox.network.registries, or install what needs no other host',
    details,
  });
}

/** npm says what is wrong first, after a code, and gives general advice last. */
function npmError(output: string): string | undefined {
  return /^npm error (?!code |errno )(.+)$/m.exec(output)?.[1]?.slice(0, 500);
}

function notInstalled(manager: PackagesJob['manager']): AppError {
  const tool = manager === 'python' ? 'pip' : 'npm';
  return new AppError('TOOL_NOT_INSTALLED', `${tool} is not installed`, {
    hint: `ask the operator to install ${tool} on the worker`,
    details: { tool },
  });
}
