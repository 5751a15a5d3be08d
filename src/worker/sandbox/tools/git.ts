import { AppError } from '../../../errors/app-error.ts';
import { hostText, ruleOfUrl } from '../../../protocol/host-rules.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { countChanges } from './git-numstat.ts';
import { type GitCall, git, gitFailed, withoutFilters } from './git-safely.ts';
import { repositoryName, repositoryUrl } from './git-url.ts';
import { diskFull, isDiskFull, type ProgramEnd, Programs } from './programs.ts';
import { PROXY_ENV } from './proxy-env.ts';
import type { ToolBox, ToolOutput } from './toolbox.ts';

const NAME = 'Boxswain';
const EMAIL = 'boxswain@localhost';

/**
 * Clones a repository, in the box, through the proxy; its hooks, filters and submodules do not run. `commit` and `branch` are null
 * for an empty one. Throws VALIDATION_ERROR, HOST_NOT_ALLOWED, TOOL_NOT_INSTALLED, DISK_FULL, GIT_FAILED.
 */
export async function cloneRepository(job: JobOf<'git_clone'>, box: ToolBox): Promise<ToolOutput> {
  const url = repositoryUrl(job.url, box.config);
  const path = job.path === undefined || job.path === '' ? repositoryName(url) : job.path;
  if (job.branch?.startsWith('-') || job.branch?.includes('\0')) {
    throw new AppError('VALIDATION_ERROR', 'argument "branch" must be the name of a branch');
  }
  const programs = new Programs(box, job);
  using _opened = box.egress.allow([ruleOfUrl(url)]);
  const mark = box.egress.mark();
  box.report({ stage: 'cloning', message: url.host + url.pathname });
  const args = ['clone', '--no-recurse-submodules', '--template=', '--quiet'];
  if (job.depth > 0) args.push('--depth', String(job.depth));
  if (job.branch !== undefined) args.push('--branch', job.branch);
  const protocol = url.protocol.slice(0, -1);
  const call: GitCall = { cwd: '', env: PROXY_ENV, settings: [[`protocol.${protocol}.allow`, 'always']] };
  const end = await git(programs, [...args, '--', url.href, path], call);
  if (end.exitCode !== 0) throw cloneFailed(end, box, mark);
  return { path, ...(await headOf(programs, { cwd: path })) };
}

function cloneFailed(end: ProgramEnd, box: ToolBox, mark: number): AppError {
  if (isDiskFull(end)) return diskFull({ output: end.output });
  const [denied] = box.egress.deniedSince(mark);
  const failed = gitFailed(end, end.timedOut ? 'call again with a larger timeout_seconds' : undefined);
  if (denied === undefined) return failed;
  return new AppError('GIT_FAILED', `${failed.message}; host ${hostText(denied)} was refused: it ${denied.reason}`, {
    hint: 'ask the operator to add the host to sandbox.git.hosts',
    details: { ...failed.details, network_denied: box.egress.deniedSince(mark) },
  });
}

/**
 * Commits what changed, all of it unless `add` names paths. Nothing of the repository's own choosing runs: no hooks, filters,
 * signing. Throws TOOL_NOT_INSTALLED, NOTHING_TO_COMMIT, DISK_FULL, GIT_FAILED.
 */
export async function commitChanges(job: JobOf<'git_commit'>, box: ToolBox): Promise<ToolOutput> {
  const programs = new Programs(box, job);
  const plain: GitCall = { cwd: job.path, env: { GIT_LITERAL_PATHSPECS: '1', ...identity(job) } };
  box.report({ stage: 'committing' });
  const inside = await git(programs, ['rev-parse', '--is-inside-work-tree'], plain);
  if (inside.exitCode !== 0 || inside.stdout.trim() !== 'true') throw gitFailed(inside, noRepository(job.path));
  const call = { ...plain, settings: await withoutFilters(programs, plain) };
  const paths = (job.add ?? []).map(path => (path === '' ? '.' : path));
  await must(programs, ['add', '--all', ...(paths.length > 0 ? ['--', ...paths] : [])], call);
  if (!(await isChanged(programs, call))) {
    throw new AppError('NOTHING_TO_COMMIT', `nothing to commit in ${job.path === '' ? 'the workspace' : job.path}`);
  }
  const message = ['commit', '--quiet', '--no-verify', '--no-gpg-sign', '--cleanup=verbatim', '-m', job.message];
  await must(programs, message, call);
  const stat = ['diff-tree', '--root', '-r', '--no-commit-id', '--numstat', '-z', '--diff-merges=first-parent'];
  const changes = await must(programs, [...stat, '--no-ext-diff', '--no-textconv', 'HEAD'], call);
  return { ...(await headOf(programs, call)), ...countChanges(changes.stdout) };
}

const noRepository = (path: string): string =>
  `run git init${path === '' ? '' : ` in ${path}`} with run_command, or clone a repository with git_clone`;

/** What is staged differs from the last commit, or a merge waits to be concluded. */
async function isChanged(programs: Programs, call: GitCall): Promise<boolean> {
  const staged = await git(programs, ['diff', '--cached', '--quiet', '--no-ext-diff', '--no-textconv'], call);
  if (staged.exitCode === 1) return true;
  if (staged.exitCode !== 0) throw gitFailed(staged);
  const merging = await git(programs, ['rev-parse', '--quiet', '--verify', 'MERGE_HEAD'], call);
  return merging.exitCode === 0;
}

async function must(programs: Programs, args: readonly string[], call: GitCall): Promise<ProgramEnd> {
  const end = await git(programs, args, call);
  if (end.exitCode === 0) return end;
  throw isDiskFull(end) ? diskFull({ output: end.output }) : gitFailed(end);
}

/** Null for what there is not: no commit yet, or a head that is on no branch. */
async function headOf(programs: Programs, call: GitCall) {
  const commit = await git(programs, ['rev-parse', '--quiet', '--verify', 'HEAD^{commit}'], call);
  const branch = await git(programs, ['symbolic-ref', '--quiet', '--short', 'HEAD'], call);
  const text = ({ exitCode, stdout }: ProgramEnd) => (exitCode === 0 ? stdout.trim() || null : null);
  return { commit: text(commit), branch: text(branch) };
}

function identity({ authorName = NAME, authorEmail = EMAIL }: JobOf<'git_commit'>): Record<string, string> {
  return {
    GIT_AUTHOR_NAME: authorName,
    GIT_AUTHOR_EMAIL: authorEmail,
    GIT_COMMITTER_NAME: authorName,
    GIT_COMMITTER_EMAIL: authorEmail,
  };
}
