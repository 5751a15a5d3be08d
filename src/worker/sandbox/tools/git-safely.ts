import { AppError } from '../../../errors/app-error.ts';
import { errorLine, exitCodeOf, isMissing, type ProgramEnd, type Programs } from './programs.ts';

/**
 * Settings under which git runs nothing of a repository's own choosing. They stand above the repository's configuration; the
 * system's and the user's are not read at all.
 */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.pager', 'cat'],
  ['core.editor', 'false'],
  ['core.sshCommand', 'false'],
  ['core.gitProxy', ''],
  ['credential.helper', ''],
  ['commit.gpgSign', 'false'],
  ['tag.gpgSign', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['submodule.recurse', 'false'],
  ['protocol.allow', 'never'],
];
const ENV: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_LFS_SKIP_SMUDGE: '1',
  LC_ALL: 'C.UTF-8',
};

export interface GitCall {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Above all else that is set; in the environment, because a name may hold what `-c` would split at. */
  readonly settings?: readonly (readonly [string, string])[];
}

/** Runs git in the box. Throws TOOL_NOT_INSTALLED when there is none. */
export async function git(programs: Programs, args: readonly string[], call: GitCall): Promise<ProgramEnd> {
  const settings = [...SETTINGS, ...(call.settings ?? [])];
  const pairs = settings.flatMap(([key, value], at): [string, string][] => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  const env = { ...ENV, GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs), ...call.env };
  const end = await programs.run({ argv: ['git', '--no-pager', ...args], cwd: call.cwd, env });
  if (!isMissing(end, 'git')) return end;
  throw new AppError('TOOL_NOT_INSTALLED', 'git is not installed', {
    hint: 'ask the operator to install git on the worker',
    details: { tool: 'git' },
  });
}

const DRIVER = /^filter\..+\.(?:clean|smudge|process|required)$/s;
const MAX_DRIVERS = 400;

/** Settings that switch off every filter driver of the repository: they are programs that `add` and `checkout` would run. */
export async function withoutFilters(programs: Programs, call: GitCall): Promise<[string, string][]> {
  const listed = await git(programs, ['config', '--null', '--name-only', '--get-regexp', '^filter\\.'], call);
  const names = [...new Set(listed.stdout.split('\0'))].filter(name => DRIVER.test(name));
  if (names.length > MAX_DRIVERS) {
    throw new AppError('GIT_FAILED', `the repository has more than ${MAX_DRIVERS} filter settings`, {
      hint: 'remove filters from its configuration',
    });
  }
  return names.map(name => [name, name.endsWith('.required') ? 'false' : '']);
}

/** GIT_FAILED with the last error that git gave. */
export function gitFailed(end: ProgramEnd, hint?: string): AppError {
  const message = end.timedOut ? 'git did not end in time' : errorLine(end.output).replace(/^fatal: /, '');
  return new AppError('GIT_FAILED', message, { hint, details: { exit_code: exitCodeOf(end), output: end.output } });
}
